"""Answers the query side from the holders' tables."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.asking import asking, can_be_asked, rows_of
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


def classed(held: str, *, pos: str | None = None) -> str:
    """Every wallet that moved the token, with its classes; age is in slots since the launch.

    `held` is a query of their holdings, and other names of queries may come before it. With a
    position, launch and pool are those that were known there.
    """

    def by_then(column: str) -> str:
        return "" if pos is None else f"and {column} <= {pos}"

    return f"""
    with {held}, launch as (
        select pos >> {SLOT_BITS_BELOW} as slot, creator, launcher, bonding_curve
        from holder_launches where mint = $1 {by_then("pos")}
    ), met as (
        select held.*, launch.slot is not null as launched,
            coalesce(held.wallet in (launch.creator, launch.launcher), false) as developer,
            (held.first_buy_pos >> {SLOT_BITS_BELOW}) - launch.slot as age
        from held left join launch on true
            left join tokens as created on created.mint = $1 {by_then("created.created_pos")}
            left join tokens as pooled on pooled.mint = $1 {by_then("pooled.pool_pos")}
        where held.wallet is distinct from launch.bonding_curve
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


RANKED = """
    ranked as (
        select *, row_number() over (order by balance desc, wallet) as place,
            count(*) filter (where balance > 0) over () as holding
        from classed
    )
"""


def totals(supply: str) -> str:
    """What all wallets come to, of `RANKED`; `supply` is an expression for the token's."""
    return f"""
    select {supply} as supply,
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


_NOW = "held as (select * from holders where mint = $1)"
TOTALS = f"""
    {classed(_NOW)}, {RANKED}
    {totals("(select supply from tokens where mint = $1)")}
"""
TOP_OF = f"""
    {classed(_NOW)}
    select wallet, balance, bought, sold, received, sent, first_time_s, last_time_s, developer,
        sniper, bundler, insider
    from classed where balance > 0 order by balance desc, wallet limit $6
"""


class Totals(msgspec.Struct):
    """What `totals` answers."""

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

    async def holders(self, mint: str, *, limit: int) -> HoldersRow:
        """Who holds a token, the largest first; empty for a mint without moves.

        Its bonding curve and its canonical pool are none of them.
        """
        # No row has a key that cannot be sent.
        asked = asked_of(mint if can_be_asked(mint) else "", self._definitions)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            (totals,) = await rows_of(connection, Totals, TOTALS, *asked)
            top = await rows_of(connection, HolderRow, TOP_OF, *asked, limit)
        return holders_row(totals, top)


def asked_of(mint: str, of: Definitions) -> tuple[object, ...]:
    """What `classed` takes, in the order of its parameters."""
    return (mint, of.sniper_slots, of.bundle_slots, of.bundle_wallets, of.insider_percent)


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
