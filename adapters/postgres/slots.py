"""Keeps which slots are proven, and which are missing."""

from operator import attrgetter
from typing import ClassVar

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert, latest
from projections.slots import Changes, Slots

_BIGINTS = (
    "slot",
    "sequence",
    "parent_slot",
    "block_time_s",
    "executed",
    "ours",
    "failed",
    "decoded",
    "unknown",
    "first_sequence",
    "last_sequence",
    "revision",
)
_TEXTS = (
    "blockhash",
    "parent_blockhash",
    "transactions_digest",
    "events_digest",
    "evidence",
    "previous",
    "hash",
)
_COLUMNS = {
    **dict.fromkeys(_BIGINTS, "bigint"),
    **dict.fromkeys(_TEXTS, "text"),
    "abandoned": "boolean",
}
_CERTIFICATES = Upsert(
    "slot_certificates",
    _COLUMNS,
    key=("slot",),
    action="update set "
    + latest("sequence", *(name for name in _COLUMNS if name not in {"slot", "sequence"})),
)
_GAP_COLUMNS = {
    "from_slot": "bigint",
    "to_slot": "bigint",
    "detected_sequence": "bigint",
    "reason": "text",
    "filled_sequence": "bigint",
}
_GAPS = Upsert(
    "slot_gaps",
    _GAP_COLUMNS,
    key=("from_slot", "to_slot"),
    action="update set "
    + ", ".join((latest("detected_sequence", "reason"), latest("filled_sequence"))),
)
_VALUES = attrgetter(*_COLUMNS)
_GAP_VALUES = attrgetter(*_GAP_COLUMNS)


class SlotStore(CheckpointedStore[Changes]):
    """The slots read model in PostgreSQL."""

    name: ClassVar = Slots.name
    version: ClassVar = Slots.version
    tables: ClassVar = (_CERTIFICATES, _GAPS)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Of two statements about a slot, the later one in the log stays."""
        if changes.certificates:
            rows = [_VALUES(changes.certificates[slot]) for slot in sorted(changes.certificates)]
            await _CERTIFICATES.merge(connection, rows)
        if changes.gaps:
            gaps = [_GAP_VALUES(changes.gaps[ends]) for ends in sorted(changes.gaps)]
            await _GAPS.merge(connection, gaps)
