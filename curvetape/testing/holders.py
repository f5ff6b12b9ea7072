"""Histories of who holds what: wallets that launch, buy early, sell, and provide liquidity."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from curvetape.testing.events import (
    build,
    completion_traded,
    created,
    curve_traded,
    pool_created,
    pool_traded,
)
from domain.events import AnyEvent, PoolDeposited, PoolWithdrawn
from domain.position import Position
from domain.programs import PUMP_TOKEN_DECIMALS, SOL_DECIMALS, WRAPPED_SOL

WALLETS = ("ann", "bob", "cat", "dan", "eve", "launcher", "creator", "curve-mint1", "pool-mint2")
"""Who trades in a history; the last two are no holders of one of the tokens."""


def deposited(number: int, mint: str, **fields: Any) -> PoolDeposited:
    """Liquidity put into the canonical pool."""
    return build(PoolDeposited, number, mint, **_liquidity(mint) | fields)


def withdrawn(number: int, mint: str, **fields: Any) -> PoolWithdrawn:
    """Liquidity taken out of the canonical pool."""
    return build(PoolWithdrawn, number, mint, **_liquidity(mint) | fields)


def turned(mint: str) -> dict[str, Any]:
    """What makes an event one of a pool that calls the token its quote."""
    return {"base_mint": WRAPPED_SOL, "quote_mint": mint, "canonical": False}


def _liquidity(mint: str) -> dict[str, Any]:
    return {
        "pool": f"pool-{mint}",
        "base_mint": mint,
        "quote_mint": WRAPPED_SOL,
        "base_decimals": PUMP_TOKEN_DECIMALS,
        "quote_decimals": SOL_DECIMALS,
        "canonical": True,
        "user": "provider",
        "base_amount": 1_000_000_000_000,
        "quote_amount": 412_000_000,
        "lp_token_amount": 20_000_000_000,
        "lp_mint_supply": 4_193_387_999_900,
        "pool_base_reserves": 206_900_000_000_000,
        "pool_quote_reserves": 84_990_000_000,
    }


_AMOUNTS = st.one_of(st.integers(0, 1_000), st.sampled_from((2**53 + 1, 2**64 - 1)))
_USERS = st.sampled_from(WALLETS)
_SIDES = st.sampled_from(("buy", "sell"))
_KINDS: Sequence[tuple[Any, dict[str, st.SearchStrategy[Any]]]] = (
    (curve_traded, {"side": _SIDES, "user": _USERS, "token_amount": _AMOUNTS}),
    (curve_traded, {"side": st.just("buy"), "user": _USERS, "token_amount": _AMOUNTS}),
    (completion_traded, {"user": _USERS, "token_amount": _AMOUNTS}),
    (pool_traded, {"side": _SIDES, "user": _USERS, "base_amount": _AMOUNTS}),
    (
        pool_traded,
        {"side": _SIDES, "user": _USERS, "user_quote_amount": _AMOUNTS, "turned": st.just(True)},
    ),
    (deposited, {"user": _USERS, "base_amount": _AMOUNTS}),
    (withdrawn, {"user": _USERS, "base_amount": _AMOUNTS}),
    (
        pool_created,
        {"creator": _USERS, "base_amount": _AMOUNTS, "canonical": st.booleans()},
    ),
    (
        created,
        {
            "creator": st.sampled_from((None, "creator", "ann")),
            "user": st.sampled_from(("launcher", "bob")),
            "token_total_supply": st.sampled_from((None, 0, 10**15)),
        },
    ),
)


@st.composite
def holder_histories(
    draw: st.DrawFn, *, events_max: int = 40, mints: int = 2, slots: int = 15
) -> list[AnyEvent]:
    """Events in the order of the chain, several in a slot, of a few wallets and amounts."""
    places = draw(
        st.lists(
            st.tuples(st.integers(1, slots), st.integers(0, 9)),
            min_size=1,
            max_size=events_max,
            unique=True,
        ).map(sorted)
    )
    events: list[AnyEvent] = []
    for slot, tx in places:
        builder, fields = draw(st.sampled_from(_KINDS))
        mint = f"mint{draw(st.integers(1, mints))}"
        drawn = draw(st.fixed_dictionaries(fields))
        if drawn.pop("turned", False):
            drawn |= turned(mint)
        place = {"pos": Position(slot, tx, 0, 0), "id": f"{'s' * 80}{slot}-{tx}:0.0"}
        events.append(builder(slot, mint, **place, **drawn))
    return events
