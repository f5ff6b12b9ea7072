"""Keeps portfolios: wallets' trades, and the positions and days that they come to."""

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, ClassVar

from msgspec.structs import astuple

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert, added, array
from projections.portfolios import Changes, Pair, Portfolios
from projections.wallet_position import (
    Day,
    WalletPosition,
    WalletTrade,
    advanced,
    is_late,
    revised,
)

# ruff: noqa: S608  # names of tables and columns only, none of them given from outside

_TRADE_COLUMNS = {
    "pos": "bigint",
    "time_s": "bigint",
    "bought": "boolean",
    "token_amount": "numeric",
    "quote_amount": "numeric",
    "fee_amount": "numeric",
}
_POSITION_COLUMNS = {
    "first_pos": "bigint",
    "first_time_s": "bigint",
    "last_pos": "bigint",
    "last_time_s": "bigint",
    "buys": "bigint",
    "sells": "bigint",
    "bought_amount": "numeric",
    "spent_amount": "numeric",
    "sold_amount": "numeric",
    "received_amount": "numeric",
    "cost_amount": "numeric",
    "unbought_amount": "numeric",
    "unbought_quote_amount": "numeric",
    "fee_amount": "numeric",
    "trades_without_fee": "bigint",
}
_DAY_COLUMNS = {
    "realised_amount": "numeric",
    "received_amount": "numeric",
    "unbought_quote_amount": "numeric",
    "sells": "bigint",
}
for _columns, _kept in (
    (_TRADE_COLUMNS, WalletTrade),
    (_POSITION_COLUMNS, WalletPosition),
    (_DAY_COLUMNS, Day),
):
    assert tuple(_columns) == _kept.__struct_fields__, "a row has what is kept as it is"
_PAIR = {"wallet": "text", "mint": "text", "quote_mint": "text"}

_TRADES = Upsert(
    "portfolio_trades", _PAIR | _TRADE_COLUMNS, key=("wallet", "pos"), action="nothing"
)
_POSITIONS = Upsert(
    "portfolio_positions",
    _PAIR | _POSITION_COLUMNS,
    key=tuple(_PAIR),
    action="update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _POSITION_COLUMNS),
)
_DAYS = Upsert(
    "portfolio_days",
    {"wallet": "text", "quote_mint": "text", "day_s": "bigint"} | _DAY_COLUMNS,
    key=("wallet", "quote_mint", "day_s"),
    action=f"update set {added(*_DAY_COLUMNS)}",
)

_ALONE = "select pg_advisory_xact_lock($1, coalesce(hashtext(current_schema() || $2::text), 0))"
"""A save and a release of parked events may meet: what one of them read, the other must not write
before it does. Generations lie in schemas of their own, and parts share no pair."""
_LOCK_CLASS = 0x706F7274
"""Advisory locks of who changes portfolios ("port" in ASCII)."""


def _selected(columns: Iterable[str], kinds: dict[str, str]) -> str:
    # As text: the driver makes a decimal of a `numeric`, several times slower.
    return ", ".join(f"{it}::text" if kinds[it] == "numeric" else it for it in columns)


# `offset 0` has the index asked for each row of the batch, whatever the server thinks it knows
# about tables that it has not looked at since they were small.
_FIND = f"""
    select batch.number, kept.*
    from unnest($1::text::text[], $2::text::text[], $3::text::text[])
        with ordinality as batch (wallet, mint, quote_mint, number)
    cross join lateral (
        select {_selected(_POSITION_COLUMNS, _POSITION_COLUMNS)} from portfolio_positions as kept
        where kept.wallet = batch.wallet and kept.mint = batch.mint
            and kept.quote_mint = batch.quote_mint
        offset 0
    ) as kept
"""
_HISTORIES = f"""
    select batch.number, kept.*
    from unnest(
        $1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::bigint[]
    )
        with ordinality as batch (wallet, mint, quote_mint, first_pos, last_pos, number)
    cross join lateral (
        select {_selected(_TRADE_COLUMNS, _TRADE_COLUMNS)} from portfolio_trades as kept
        where kept.wallet = batch.wallet and kept.mint = batch.mint
            and kept.quote_mint = batch.quote_mint
            and kept.pos between batch.first_pos and batch.last_pos
        order by kept.pos
        offset 0
    ) as kept
"""

_FIRST = itemgetter(0)
_TRADE_NUMERIC = [kind == "numeric" for kind in _TRADE_COLUMNS.values()]
_POSITION_NUMERIC = [kind == "numeric" for kind in _POSITION_COLUMNS.values()]


class PortfolioStore(CheckpointedStore[Changes]):
    """The portfolios read model in PostgreSQL."""

    name: ClassVar = Portfolios.name
    version: ClassVar = Portfolios.version
    tables: ClassVar = (_TRADES, _POSITIONS, _DAYS)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Add the trades and fold them into the positions.

        A pair of which a trade comes before what its position holds is folded anew from all its
        trades; any other is read and written once.
        """
        if not changes:
            return
        await connection.execute(_ALONE, _LOCK_CLASS, str(self.partition or ""))
        # In about the order of the indexes, which keeps neighbours on the same page.
        pairs = sorted(changes, key=_FIRST)
        found = await _found(connection, pairs)
        late = [pair for pair, position in found.items() if is_late(position, changes[pair])]
        histories = await _histories(connection, late, found) if late else {}
        await _add_trades(connection, pairs, changes)
        new: list[tuple[object, ...]] = []
        known: list[tuple[object, ...]] = []
        days: dict[tuple[str, str, int], Day] = {}
        for pair in pairs:
            position, trades = found.get(pair), changes[pair]
            if pair in histories:
                folded = revised(histories[pair], trades)
            else:
                folded = advanced(position, trades)
            rows = new if position is None else known
            rows.append(pair + astuple(folded.position))
            for day_s, day in folded.days.items():
                days.setdefault((pair[0], pair[2], day_s), Day()).add(day)
        await _POSITIONS.merge(connection, new, all_new=True)
        await _POSITIONS.merge(connection, known)
        await _DAYS.merge(
            connection, [(*key, *astuple(day)) for key, day in sorted(days.items(), key=_FIRST)]
        )


async def _found(connection: Connection, pairs: Sequence[Pair]) -> dict[Pair, WalletPosition]:
    rows = await connection.fetch(_FIND, *map(array, zip(*pairs, strict=True)))
    return {pairs[row[0] - 1]: WalletPosition(*_values(row[1:], _POSITION_NUMERIC)) for row in rows}


async def _histories(
    connection: Connection, pairs: Sequence[Pair], found: dict[Pair, WalletPosition]
) -> dict[Pair, list[WalletTrade]]:
    """All trades that the positions of these pairs are made of, in order."""
    keys = [(*pair, found[pair].first_pos, found[pair].last_pos) for pair in pairs]
    rows = await connection.fetch(_HISTORIES, *map(array, zip(*keys, strict=True)))
    histories: dict[Pair, list[WalletTrade]] = {pair: [] for pair in pairs}
    for row in rows:
        histories[pairs[row[0] - 1]].append(WalletTrade(*_values(row[1:], _TRADE_NUMERIC)))
    for trades in histories.values():
        trades.sort(key=attrgetter("pos"))
    return histories


async def _add_trades(connection: Connection, pairs: Sequence[Pair], changes: Changes) -> None:
    rows = [pair + astuple(trade) for pair in pairs for trade in changes[pair]]
    await _TRADES.merge(connection, rows)


def _values(columns: Iterable[Any], numeric: Sequence[bool]) -> Iterable[Any]:
    return (
        int(value) if is_text and value is not None else value
        for value, is_text in zip(columns, numeric, strict=True)
    )
