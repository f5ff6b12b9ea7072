"""Chain events for tests: plain builders, and a strategy that makes up whole histories."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from domain.events import (
    AnyEvent,
    CompletionTraded,
    CurveCompleted,
    CurveRepriced,
    CurveTraded,
    Event,
    PoolBurned,
    PoolCreated,
    PoolTraded,
    SolPriced,
    TokenCreated,
    TokenMigrated,
)
from domain.log import Recorded
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position
from domain.programs import (
    NATIVE_SOL,
    PUMP_TOKEN_DECIMALS,
    PYTH_SOL_USD,
    SOL_DECIMALS,
    WRAPPED_SOL,
)

E = TypeVar("E", bound=Event)

GENESIS_S = 1_760_000_000
SLOTS_PER_S = 2.5
SUPPLY = 1_000_000_000_000_000

_CURVE = {
    "quote_mint": NATIVE_SOL,
    "quote_decimals": SOL_DECIMALS,
    "token_decimals": PUMP_TOKEN_DECIMALS,
}


def build(kind: type[E], number: int, mint: str, **fields: Any) -> E:
    """An event of the kind at slot `number`, with made-up values where none are given."""
    given: dict[str, Any] = {
        "id": f"{'s' * 80}{number}:2.0",
        "pos": Position(number, 7, 2, 0),
        "received_at_ns": (GENESIS_S + number) * 1_000_000_000,
        "block_time_s": GENESIS_S + int(number / SLOTS_PER_S),
        "signer": f"signer{number}",
        "layout": "T9",
        "mint": mint,
    }
    return kind(**(given | fields))


def created(number: int, mint: str, **fields: Any) -> TokenCreated:
    """A launch with the reserves of a plain SOL coin."""
    return build(
        TokenCreated,
        number,
        mint,
        **_CURVE
        | {
            "name": f"Coin {mint}",
            "symbol": mint[:4].upper(),
            "uri": f"https://example.org/{mint}",
            "user": "launcher",
            "creator": "creator",
            "bonding_curve": f"curve-{mint}",
            "token_total_supply": SUPPLY,
            "virtual_token_reserves": 1_073_000_000_000_000,
            "virtual_quote_reserves": 30_000_000_000,
            "real_token_reserves": 793_100_000_000_000,
        }
        | fields,
    )


def curve_traded(number: int, mint: str, **fields: Any) -> CurveTraded:
    """A buy on a bonding curve."""
    return build(
        CurveTraded,
        number,
        mint,
        **_CURVE
        | {
            "side": "buy",
            "user": "trader",
            "quote_amount": 1_000_000_000,
            "token_amount": 34_000_000_000_000,
            "virtual_quote_reserves": 31_000_000_000,
            "virtual_token_reserves": 1_039_000_000_000_000,
            "real_quote_reserves": 1_000_000_000,
            "real_token_reserves": 759_100_000_000_000,
        }
        | fields,
    )


def repriced(number: int, mint: str, **fields: Any) -> CurveRepriced:
    """New virtual reserves for a curve in mayhem mode."""
    return build(
        CurveRepriced,
        number,
        mint,
        **{
            "old_virtual_token_reserves": 1_073_000_000_000_000,
            "old_virtual_quote_reserves": 30_000_000_000,
            "virtual_token_reserves": 900_000_000_000_000,
            "virtual_quote_reserves": 29_000_000_000,
            "real_token_reserves": 700_000_000_000_000,
            "real_quote_reserves": 2_000_000_000,
        }
        | fields,
    )


def completed(number: int, mint: str, **fields: Any) -> CurveCompleted:
    """A curve that sold its last token."""
    return build(
        CurveCompleted,
        number,
        mint,
        **{"user": "trader", "bonding_curve": f"curve-{mint}", "quote_mint": NATIVE_SOL} | fields,
    )


def completion_traded(number: int, mint: str, **fields: Any) -> CompletionTraded:
    """The rest of the buy that filled a curve."""
    return build(
        CompletionTraded,
        number,
        mint,
        **_CURVE
        | {
            "side": "buy",
            "user": "trader",
            "bonding_curve": f"curve-{mint}",
            "quote_amount": 500_000_000,
            "token_amount": 1_200_000_000_000,
            "fee_bps": 95,
            "fee": 4_750_000,
            "creator_fee_bps": 30,
            "creator_fee": 1_500_000,
            "buyback_fee": 0,
            "pool_base_reserves_before": 206_900_000_000_000,
            "pool_quote_reserves_before": 84_990_000_000,
            "pool_base_reserves_after": 205_700_000_000_000,
            "pool_quote_reserves_after": 85_490_000_000,
        }
        | fields,
    )


def migrated(number: int, mint: str, **fields: Any) -> TokenMigrated:
    """A graduation to the canonical pool."""
    return build(
        TokenMigrated,
        number,
        mint,
        **{
            "user": "migrator",
            "bonding_curve": f"curve-{mint}",
            "pool": f"pool-{mint}",
            "quote_mint": NATIVE_SOL,
            "token_amount": 206_900_000_000_000,
            "quote_amount": 84_990_000_000,
            "pool_migration_fee": 15_000_001,
        }
        | fields,
    )


def _pool(mint: str) -> dict[str, Any]:
    return {
        "pool": f"pool-{mint}",
        "base_mint": mint,
        "quote_mint": WRAPPED_SOL,
        "base_decimals": PUMP_TOKEN_DECIMALS,
        "quote_decimals": SOL_DECIMALS,
        "canonical": True,
    }


def pool_created(number: int, mint: str, **fields: Any) -> PoolCreated:
    """A canonical pool's opening."""
    return build(
        PoolCreated,
        number,
        mint,
        **_pool(mint)
        | {
            "index": 0,
            "creator": "pool-authority",
            "base_amount": 206_900_000_000_000,
            "quote_amount": 84_990_000_000,
            "pool_base_reserves": 206_900_000_000_000,
            "pool_quote_reserves": 84_990_000_000,
            "minimum_liquidity": 100,
            "initial_liquidity": 4_193_388_000_000,
            "lp_token_amount": 4_193_387_999_900,
            "lp_mint": f"lp-{mint}",
        }
        | fields,
    )


def pool_traded(number: int, mint: str, **fields: Any) -> PoolTraded:
    """A buy in the canonical pool."""
    return build(
        PoolTraded,
        number,
        mint,
        **_pool(mint)
        | {
            "side": "buy",
            "user": "trader",
            "base_amount": 1_000_000_000_000,
            "quote_amount": 412_000_000,
            "user_quote_amount": 417_000_000,
            "pool_base_reserves": 206_900_000_000_000,
            "pool_quote_reserves": 84_990_000_000,
            "pool_quote_delta": 412_824_000,
            "lp_fee_bps": 20,
            "lp_fee": 824_000,
            "protocol_fee_bps": 5,
            "protocol_fee": 206_000,
            "protocol_fee_recipient": "recipient",
        }
        | fields,
    )


def burned(number: int, mint: str, **fields: Any) -> PoolBurned:
    """A boost that bought and burned."""
    return build(
        PoolBurned,
        number,
        mint,
        **{
            "pool": f"pool-{mint}",
            "bonding_curve": f"curve-{mint}",
            "authority": "booster",
            "quote_amount_requested": 100_000_000,
            "quote_amount": 100_000_000,
            "base_amount": 243_000_000_000,
            "virtual_quote_reserves": 1_000_000_000,
            "pool_base_reserves": 206_657_000_000_000,
            "pool_quote_reserves": 85_090_000_000,
            "boost_vault_remaining": 0,
        }
        | fields,
    )


def sol_priced(number: int, _mint: str = "", **fields: Any) -> SolPriced:
    """What the chain said at the end of a slot: 150 dollars, unless told otherwise."""
    values: dict[str, Any] = {
        "account": PYTH_SOL_USD[0],
        "price": 15_000_000_000,
        "confidence": 7_000_000,
        "exponent": -8,
        "publish_time_s": GENESIS_S + number * 2 // 5,
        "posted_slot": number,
    } | fields
    return SolPriced(
        id=f"{values['account']}:{values['posted_slot']}:{values['publish_time_s']}",
        pos=Position(number, LAST_TX, LAST_OUTER, LAST_INNER),
        received_at_ns=number,
        **values,
    )


def recorded(events: Iterable[AnyEvent], *, after: int = 0) -> list[Recorded]:
    """The events as a log holds them, from sequence `after + 1` on."""
    return [Recorded(sequence, event) for sequence, event in enumerate(events, start=after + 1)]


def batches(log: Sequence[Recorded], size: int) -> list[Sequence[Recorded]]:
    """The log cut into batches of `size`, the last one with what is left."""
    return [log[start : start + size] for start in range(0, len(log), size)]


_U64 = st.one_of(
    st.integers(min_value=1, max_value=10**16),
    st.sampled_from((0, 1, 2**53 + 1, 2**63, 2**64 - 1)),
)
_SIDES = st.sampled_from(("buy", "sell"))
_MAYBE_U64 = st.one_of(st.none(), _U64)
_VIRTUAL = st.integers(min_value=-(10**12), max_value=10**12)

_KINDS: Sequence[tuple[Any, dict[str, st.SearchStrategy[Any]]]] = (
    (
        curve_traded,
        {
            "side": _SIDES,
            "quote_amount": _U64,
            "token_amount": _U64,
            "virtual_quote_reserves": _U64,
            "virtual_token_reserves": _U64,
            "real_quote_reserves": _U64,
            "real_token_reserves": _U64,
            "quote_decimals": st.sampled_from((None, SOL_DECIMALS)),
        },
    ),
    (
        pool_traded,
        {
            "side": _SIDES,
            "base_amount": _U64,
            "quote_amount": _U64,
            "pool_base_reserves": _U64,
            "pool_quote_reserves": _U64,
            "pool_quote_delta": _VIRTUAL,
            "virtual_quote_reserves": _VIRTUAL,
            "base_supply": _MAYBE_U64,
            "canonical": st.booleans(),
        },
    ),
    (
        completion_traded,
        {"quote_amount": _U64, "pool_base_reserves_after": _U64, "pool_quote_reserves_after": _U64},
    ),
    (created, {"token_total_supply": _MAYBE_U64, "virtual_quote_reserves": _MAYBE_U64}),
    (repriced, {"virtual_quote_reserves": _U64, "virtual_token_reserves": _U64}),
    (burned, {"base_amount": _U64, "pool_base_reserves": _U64}),
    (completed, {}),
    (migrated, {}),
    (pool_created, {"canonical": st.booleans()}),
    (sol_priced, {"price": st.integers(1, 10**11), "exponent": st.integers(-9, -7)}),
)


@st.composite
def histories(draw: st.DrawFn, *, events_max: int = 40, mints: int = 3) -> list[AnyEvent]:
    """Events in the order of the chain, each in a slot of its own, a few seconds in all.

    Amounts reach both ends of what a program can report, so some trades make no price.
    """
    events: list[AnyEvent] = []
    slots = draw(
        st.lists(st.integers(1, 500), min_size=1, max_size=events_max, unique=True).map(sorted)
    )
    for slot in slots:
        builder, fields = draw(st.sampled_from(_KINDS))
        mint = f"mint{draw(st.integers(1, mints))}"
        events.append(builder(slot, mint, **draw(st.fixed_dictionaries(fields))))
    return events
