"""Holders in memory, told apart as the real ones are, and histories of who holds what."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from curvetape.testing.events import (
    build,
    burned,
    completion_traded,
    created,
    curve_traded,
    pool_created,
    pool_traded,
)
from domain.events import AnyEvent, PoolDeposited, PoolWithdrawn
from domain.log import Recorded
from domain.position import Position
from domain.programs import PUMP_TOKEN_DECIMALS, SOL_DECIMALS, WRAPPED_SOL
from projections import holders
from projections.holder_reads import TOP, ClassRow, Definitions, HolderRow, HoldersRow
from projections.holders import Changes, Holders
from projections.holding import Holding, Launch
from projections.reads import TokenRow

WALLETS = ("ann", "bob", "cat", "dan", "eve", "launcher", "creator", "curve-mint1", "pool-mint2")
"""Who trades in a history; the last two are no holders of one of the tokens."""


class MemoryHolders:
    """The holders read model, without a database."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._changes = Changes()

    def take(self, recorded: Sequence[Recorded]) -> None:
        """Take in events, each once, in any order."""
        self._changes = holders.merge(self._changes, Holders().apply(recorded))

    def at(self, past: Sequence[Recorded]) -> "MemoryHolders":
        """The same of these events alone."""
        then = MemoryHolders(self._definitions)
        then.take(past)
        return then

    def kept_from(self, mint: str, pos: int, horizon_pos: int) -> int:
        """Where all wallets have moved that trades before a horizon were of.

        0 where none of them moved the token both up to a position and behind it.
        """
        old = [
            it
            for (of, _), it in self._changes.holdings.items()
            if of == mint and it.first_pos < horizon_pos
        ]
        if not any(it.first_pos <= pos < it.last_pos for it in old):
            return 0
        return max(it.last_pos for it in old)

    def counts(self) -> Counter[str]:
        """How many wallets hold each token."""
        return Counter(mint for (mint, _), it in self._changes.holdings.items() if it.balance)

    def of(self, mint: str, card: TokenRow | None, *, limit: int) -> HoldersRow:
        """What the real one answers, where `card` is the token's."""
        launch = self._changes.launches.get(mint)
        others = {None if launch is None else launch.bonding_curve}
        if card is not None:
            others |= {card.bonding_curve, card.pool}
        met = {
            wallet: holding
            for (of, wallet), holding in self._changes.holdings.items()
            if of == mint and wallet not in others
        }
        rows = [self._row(wallet, each, met, launch) for wallet, each in met.items()]
        top = sorted((row for row in rows if row.balance), key=lambda row: row.wallet)
        top.sort(key=lambda row: -row.balance)
        ranked = [rank * row.balance for rank, row in enumerate(reversed(top), start=1)]
        known = launch is not None
        told = all(met[row.wallet].reported is not None for row in rows if row.insider)
        suspicious = [row for row in rows if row.sniper or row.bundler or row.insider]
        return HoldersRow(
            supply=None if card is None else card.supply,
            holders=len(top),
            balance=sum(row.balance for row in top),
            top_balance=sum(row.balance for row in top[:TOP]),
            ranked_balance=sum(ranked),
            developer=_class([row for row in rows if row.developer], known=known),
            snipers=_class([row for row in rows if row.sniper], known=known),
            bundlers=_class([row for row in rows if row.bundler], known=known),
            insiders=_class([row for row in rows if row.insider], known=known, held=told),
            suspicious=_class(suspicious, known=known),
            top=top[:limit],
        )

    def _row(
        self, wallet: str, holding: Holding, met: dict[str, Holding], launch: Launch | None
    ) -> HolderRow:
        said = self._definitions
        developer = launch is not None and wallet in {launch.creator, launch.launcher}
        other = launch is not None and not developer
        early = _bought_within(holding, launch, said.bundle_slots)
        bundle = [each for each in met.values() if _bought_within(each, launch, said.bundle_slots)]
        inflow = holding.received + holding.bought + holding.withdrawn
        return HolderRow(
            wallet=wallet,
            balance=holding.balance,
            bought=holding.bought,
            sold=holding.sold,
            received=holding.received,
            sent=holding.sent,
            first_time_s=holding.first_time_s,
            last_time_s=holding.last_time_s,
            developer=developer,
            sniper=other and _bought_within(holding, launch, said.sniper_slots),
            bundler=other and early and len(bundle) >= said.bundle_wallets,
            insider=other
            and holding.received > 0
            and 100 * holding.received >= said.insider_percent * inflow,
        )


def _bought_within(holding: Holding, launch: Launch | None, slots: int) -> bool:
    if launch is None or holding.first_buy_pos is None:
        return False
    bought, launched = map(Position.from_order_key, (holding.first_buy_pos, launch.pos))
    return bought.slot < launched.slot + slots


def _class(rows: Sequence[HolderRow], *, known: bool, held: bool = True) -> ClassRow | None:
    if not known:
        return None
    if not held:
        return ClassRow(wallets=len(rows), holders=None, balance=None)
    balances = [row.balance for row in rows if row.balance]
    return ClassRow(wallets=len(rows), holders=len(balances), balance=sum(balances))


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


_REPORTS = st.one_of(st.none(), st.integers(0, 2_000), st.just(2**64 - 1))
_AMOUNTS = st.one_of(st.integers(0, 1_000), st.sampled_from((2**53 + 1, 2**64 - 1)))
_USERS = st.sampled_from(WALLETS)
_SIDES = st.sampled_from(("buy", "sell"))
_REPORTED = {"user_token_balance": _REPORTS}
_KINDS: Sequence[tuple[Any, dict[str, st.SearchStrategy[Any]]]] = (
    (curve_traded, {"side": _SIDES, "user": _USERS, "token_amount": _AMOUNTS, **_REPORTED}),
    (curve_traded, {"side": st.just("buy"), "user": _USERS, "token_amount": _AMOUNTS, **_REPORTED}),
    (completion_traded, {"user": _USERS, "token_amount": _AMOUNTS, **_REPORTED}),
    (
        pool_traded,
        {
            "side": _SIDES,
            "user": _USERS,
            "base_amount": _AMOUNTS,
            "canonical": st.booleans(),
            "base_supply": st.sampled_from((None, 10**15, 10**15 - 7)),
            **_REPORTED,
        },
    ),
    (
        pool_traded,
        {
            "side": _SIDES,
            "user": _USERS,
            "user_quote_amount": _AMOUNTS,
            "turned": st.just(True),
            **_REPORTED,
        },
    ),
    (deposited, {"user": _USERS, "base_amount": _AMOUNTS}),
    (withdrawn, {"user": _USERS, "base_amount": _AMOUNTS}),
    (deposited, {"user": _USERS, "quote_amount": _AMOUNTS, "turned": st.just(True)}),
    (burned, {"base_amount": _AMOUNTS}),
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
