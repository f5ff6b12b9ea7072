"""Read models that are wrong on purpose: whoever proves the right ones has to notice these."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from adapters.postgres.pool import Connections
from adapters.postgres.table_store import Table, TableStore
from adapters.postgres.upsert import added
from domain.log import Recorded
from projections.projection import Hosted, host


class Row(msgspec.Struct, frozen=True):
    """What is wrong of a token."""

    mint: str
    value: int


class ByArrival:
    """Takes what came last for what happened last."""

    name: ClassVar = "by_arrival"
    version: ClassVar = 1

    def apply(self, batch: Sequence[Recorded]) -> Sequence[Row]:
        """The place of each token's event that came last."""
        last = {
            each.event.mint: each.event.pos.order_key
            for each in batch
            if hasattr(each.event, "mint")
        }
        return [Row(mint, value) for mint, value in last.items()]


class ByBatch:
    """Counts batches, and so depends on how the log is cut."""

    name: ClassVar = "by_batch"
    version: ClassVar = 1

    def apply(self, batch: Sequence[Recorded]) -> Sequence[Row]:
        """One for each token that the batch has."""
        return [Row(mint, 1) for mint in {getattr(each.event, "mint", "none") for each in batch}]


class ByArrivalStore(TableStore):
    """Keeps the last one to come."""

    name: ClassVar = ByArrival.name
    version: ClassVar = ByArrival.version
    tables: ClassVar = (
        Table(
            "by_arrival",
            {"mint": "text", "value": "bigint"},
            key=("mint",),
            merge="value = excluded.value",
        ),
    )


class ByBatchStore(TableStore):
    """Adds up."""

    name: ClassVar = ByBatch.name
    version: ClassVar = ByBatch.version
    tables: ClassVar = (
        Table("by_batch", {"mint": "text", "value": "bigint"}, key=("mint",), merge=added("value")),
    )


def by_arrival(connections: Connections) -> Hosted:
    """Wrong where something comes late."""
    return host(ByArrival(), ByArrivalStore(connections))


def by_batch(connections: Connections) -> Hosted:
    """Wrong where the log is cut otherwise."""
    return host(ByBatch(), ByBatchStore(connections))
