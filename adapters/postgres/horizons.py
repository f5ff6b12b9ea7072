"""Up to where a read model's rows were let go of, as it is noted beside its checkpoint."""

import time
from collections.abc import Mapping

from adapters.postgres.asking import asking
from adapters.postgres.pool import Connection, Pool
from projections.horizon import Horizon

# ruff: noqa: S608  # names of schemas and tables only, none of them given from outside

AGE_S_MAX = 5.0
"""Rows are let go of once a day or so; what is asked for every card need not be newer."""

_CANDLES = "select interval_s, complete_from_s from horizons where name = 'candles'"
_TRADES = "select pos, complete_from_s from horizons where name = 'trades'"

TRIMMED = {"trades": "trades"}
"""The tables that rows are let go of, by read model; all have a position."""


async def horizons_in(connection: Connection, schema: str) -> Mapping[str, Horizon]:
    """The horizons in a schema, by read model, of those that have one for all of their rows."""
    rows = await connection.fetch(
        f"select name, pos, complete_from_s from {schema}.horizons where interval_s = 0"
    )
    return {
        row["name"]: Horizon(pos=row["pos"], complete_from_s=row["complete_from_s"]) for row in rows
    }


async def horizon_pos(connection: Connection, name: str) -> int:
    """The lowest position of which rows are kept in the tables that the connection finds first."""
    found: int | None = await connection.fetchval("select pos from horizons where name = $1", name)
    return 0 if found is None else found


async def candles_from(connection: Connection, schema: str | None = None) -> Mapping[int, int]:
    """The first second of which candles are kept, by interval, of those that were let go of.

    Of the tables that the connection finds first, or of those in a schema. A shorter interval is
    never kept from earlier on.
    """
    place = "" if schema is None else f"{schema}."
    rows = await connection.fetch(_CANDLES.replace("horizons", f"{place}horizons"))
    return {row["interval_s"]: row["complete_from_s"] for row in rows}


def let_go(since: Mapping[int, int]) -> str:
    """The condition of a candle that was let go of."""
    each = (
        f"interval_s = {length_s} and start_s < {from_s}"
        for length_s, from_s in sorted(since.items())
    )
    return f"({' or '.join(each) or 'false'})"


class Horizons:
    """The horizons for the query side, asked for now and then."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._trades: Horizon | None = None
        self._candles: Mapping[int, int] = {}
        self._asked_at_s = float("-inf")

    async def of_trades(self) -> Horizon | None:
        """Where trades begin; None where all are there."""
        await self._ask()
        return self._trades

    async def of_candles(self, interval_s: int) -> int | None:
        """The first second of which candles are kept; None where all are there."""
        await self._ask()
        return self._candles.get(interval_s)

    async def _ask(self) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_at_s < AGE_S_MAX:
            return
        async with asking(self._pool) as connection:
            row = await connection.fetchrow(_TRADES)
            self._candles = await candles_from(connection)
        self._trades = None if row is None else Horizon(**row)
        self._asked_at_s = now_s
