"""Answers the query side from the holders' tables."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.pool import Pool
from projections.holder_reads import (
    SLOT_BITS_BELOW,
    TOP,
    ClassRow,
    Definitions,
    HolderRow,
    HoldersRow,
)

# ruff: noqa: S608  # the program's own text only


def _classed(pos: str | None) -> str:
    """Every wallet that moved the token, with its classes; age is in slots since the launch.

    With a position, as it was there; who moved the token on both sides of it may not be asked.
    """

    def by_then(column: str) -> str:
        return "" if pos is None else f"and {column} <= {pos}"

    return f"""
    with launch as (
        select pos >> {SLOT_BITS_BELOW} as slot, creator, launcher, bonding_curve
        from holder_launches where mint = $1 {by_then("pos")}
    ), met as (
        select held.*, launch.slot is not null as launched,
            coalesce(held.wallet in (launch.creator, launch.launcher), false) as developer,
            (held.first_buy_pos >> {SLOT_BITS_BELOW}) - launch.slot as age
        from holders as held left join launch on true
            left join tokens as created on created.mint = held.mint {by_then("created.created_pos")}
            left join tokens as pooled on pooled.mint = held.mint {by_then("pooled.pool_pos")}
        where held.mint = $1 {by_then("held.first_pos")}
            and held.wallet is distinct from launch.bonding_curve
            and held.wallet is distinct from created.bonding_curve
            and held.wallet is distinct from pooled.pool
    ), bundle as (
        select count(*) as wallets from met where age < $3::bigint
    ), classed as (
        select wallet, balance, bought, sold, received, sent, reported, first_time_s, last_time_s,
            developer,
            launched and not developer and coalesce(age < $2::bigint, false) as sniper,
            launched and not developer and coalesce(age < $3::bigint, false)
                and bundle.wallets >= $4::bigint as bundler,
            launched and not developer and received > 0
                and 100 * received >= $5::bigint * (received + bought + withdrawn) as insider
        from met cross join bundle
    )
    """


def _class(name: str, condition: str) -> str:
    return f"""
        count(*) filter (where {condition}) as {name}_wallets,
        count(*) filter (where ({condition}) and balance > 0) as {name}_holders,
        coalesce(sum(balance) filter (where {condition}), 0) as {name}_balance
    """


def _totals(pos: str | None) -> str:
    supply = "supply"
    if pos is not None:
        supply = f"""case when supplied_pos <= {pos} then supply_reported - coalesce((
            select sum(amount) from token_burns
            where token_burns.mint = $1 and pos > supplied_pos and pos <= {pos}
        ), 0) end"""
    return f"""
    {_classed(pos)}, ranked as (
        select *, row_number() over (order by balance desc, wallet) as place,
            count(*) filter (where balance > 0) over () as holding
        from classed
    )
    select (select {supply} from tokens where mint = $1) as supply,
        exists (select from launch) as launched,
        count(*) filter (where balance > 0) as holders,
        coalesce(sum(balance), 0) as balance,
        coalesce(sum(balance) filter (where place <= {TOP}), 0) as top_balance,
        coalesce(sum(balance * (holding - place + 1)), 0) as ranked_balance,
        {_class("developer", "developer")},
        {_class("snipers", "sniper")},
        {_class("bundlers", "bundler")},
        {_class("insiders", "insider")},
        coalesce(bool_and(reported is not null) filter (where insider), true) as insiders_reported,
        {_class("suspicious", "sniper or bundler or insider")}
    from ranked
    """


def _top_of(pos: str | None) -> str:
    return f"""
    {_classed(pos)}
    select wallet, balance, bought, sold, received, sent, first_time_s, last_time_s, developer,
        sniper, bundler, insider
    from classed where balance > 0 order by balance desc, wallet limit $6
    """


TOTALS, TOP_OF = _totals(None), _top_of(None)
PAST_TOTALS, PAST_TOP_OF = _totals("$6"), _top_of("$7")
"""With the position behind all that the others take."""
KEPT = """
    select not exists (
        select from holders where mint = $1 and first_pos <= $2 and last_pos > $2
    ) and not exists (
        select from tokens where mint = $1 and supplied_pos > $2
    )
"""
"""Whether nobody moved the token on both sides of a position, and its supply there is known."""


class Totals(msgspec.Struct):
    """What `TOTALS` answers."""

    supply: int | None
    launched: bool
    holders: int
    balance: int
    top_balance: int
    ranked_balance: int
    developer_wallets: int
    developer_holders: int
    developer_balance: int
    snipers_wallets: int
    snipers_holders: int
    snipers_balance: int
    bundlers_wallets: int
    bundlers_holders: int
    bundlers_balance: int
    insiders_wallets: int
    insiders_holders: int
    insiders_balance: int
    insiders_reported: bool
    suspicious_wallets: int
    suspicious_holders: int
    suspicious_balance: int

    def of(self, name: str, *, held: bool = True) -> ClassRow | None:
        """A class's totals; None where nobody can tell who is of it, or what they hold."""
        if not self.launched:
            return None
        return ClassRow(
            wallets=getattr(self, f"{name}_wallets"),
            holders=getattr(self, f"{name}_holders") if held else None,
            balance=getattr(self, f"{name}_balance") if held else None,
        )


class PostgresHolderReads:
    """The port `projections.holder_reads.HolderReads`."""

    _pool: Pool
    _definitions: Definitions

    async def holders_until(self, mint: str, *, limit: int, pos: int) -> HoldersRow | None:
        """Who held a token at a position; None where that is not kept."""
        of = self._definitions
        key = mint if can_be_asked(mint) else ""
        asked = (key, of.sniper_slots, of.bundle_slots, of.bundle_wallets, of.insider_percent)
        pos = int64(pos)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if not await connection.fetchval(KEPT, key, pos):
                return None
            (totals,) = await rows_of(connection, Totals, PAST_TOTALS, *asked, pos)
            top = await rows_of(connection, HolderRow, PAST_TOP_OF, *asked, limit, pos)
        return holders_row(totals, top)

    async def holders(self, mint: str, *, limit: int) -> HoldersRow:
        """Who holds a token, the largest first; empty for a mint without moves.

        Its bonding curve and its canonical pool are none of them.
        """
        of = self._definitions
        # No row has a key that cannot be sent.
        key = mint if can_be_asked(mint) else ""
        asked = (key, of.sniper_slots, of.bundle_slots, of.bundle_wallets, of.insider_percent)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            (totals,) = await rows_of(connection, Totals, TOTALS, *asked)
            top = await rows_of(connection, HolderRow, TOP_OF, *asked, limit)
        return holders_row(totals, top)


def holders_row(totals: Totals, top: Sequence[HolderRow]) -> HoldersRow:
    """A token's holders, from what the two statements answered."""
    return HoldersRow(
        supply=totals.supply,
        holders=totals.holders,
        balance=totals.balance,
        top_balance=totals.top_balance,
        ranked_balance=totals.ranked_balance,
        developer=totals.of("developer"),
        snipers=totals.of("snipers"),
        bundlers=totals.of("bundlers"),
        insiders=totals.of("insiders", held=totals.insiders_reported),
        suspicious=totals.of("suspicious"),
        top=top,
    )
