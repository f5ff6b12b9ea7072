"""Up to where a read model's rows were let go of, as it is noted beside its checkpoint."""

from collections.abc import Mapping

from adapters.postgres.pool import Connection
from projections.horizon import Horizon

# ruff: noqa: S608  # names of schemas and tables only, none of them given from outside

_CANDLES = "select interval_s, complete_from_s from horizons where name = 'candles'"
_OF_CANDLES = f"{_CANDLES} and interval_s = $1"
_OF_TRADES = "select pos, complete_from_s from horizons where name = 'trades'"

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


async def trades_horizon(connection: Connection) -> Horizon | None:
    """Where trades begin in the tables that the connection finds first; None where all are there.

    To be asked anew once rows were read, as `kept_from` is: what goes is noted first, and a
    generation that is put into its place brings its own.
    """
    row = await connection.fetchrow(_OF_TRADES)
    return None if row is None else Horizon(**row)


async def kept_from(connection: Connection, interval_s: int) -> int | None:
    """The first second of which candles of an interval are kept; None where all are there."""
    row = await connection.fetchrow(_OF_CANDLES, interval_s)
    return None if row is None else row["complete_from_s"]


def let_go(since: Mapping[int, int]) -> str:
    """The condition of a candle that was let go of."""
    each = (
        f"interval_s = {length_s} and start_s < {from_s}"
        for length_s, from_s in sorted(since.items())
    )
    return f"({' or '.join(each) or 'false'})"
