"""Keeps SOL's prices."""

from operator import attrgetter
from typing import ClassVar

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert
from projections.sol_prices import Changes, SolPrices

_COLUMNS = {
    "pos": "bigint",
    "publish_time_s": "bigint",
    "posted_slot": "bigint",
    "account": "text",
    "price": "bigint",
    "confidence": "numeric",
    "exponent": "integer",
}
_UPSERT = Upsert(
    "sol_prices",
    _COLUMNS,
    key=("pos",),
    action="update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS if column != "pos")
    + " where (excluded.publish_time_s, excluded.posted_slot, excluded.account)"
    " > (kept.publish_time_s, kept.posted_slot, kept.account)",
)
_VALUES = attrgetter(*_COLUMNS)


class SolPriceStore(CheckpointedStore[Changes]):
    """The SOL price read model in PostgreSQL."""

    name: ClassVar = SolPrices.name
    version: ClassVar = SolPrices.version
    tables: ClassVar = (_UPSERT,)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Add the prices; of two in one place, the one of the higher rank stays."""
        if not changes:
            return
        await _UPSERT.merge(connection, [_VALUES(changes[pos]) for pos in sorted(changes)])
