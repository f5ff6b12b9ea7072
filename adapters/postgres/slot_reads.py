"""Answers the query side's questions about certificates and gaps."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.asking import asking, int64, rows_of
from adapters.postgres.pool import Connection, Pool
from projections.slot_reads import Bounds, NewestSlot, RangeRow, SlotRow, Stretch
from projections.slots import Certificate, Gap

# ruff: noqa: S608  # the program's own text only

_SELECT = f"select {', '.join(Certificate.__struct_fields__)} from slot_certificates"
_SLOT = f"{_SELECT} where slot = $1"
_CHILD = f"{_SELECT} where slot > $1 and not abandoned order by slot limit 1"
_UNTIL = f"{_SELECT} where slot <= $1 and not abandoned order by slot desc limit 1"
_FIRST = f"{_SELECT} where not abandoned order by slot limit 1"
_FINAL = f"{_SELECT} where not abandoned order by slot desc limit 1"
_NEWEST = """
    select slot, block_time_s as time_s from slot_certificates
    where not abandoned order by slot desc limit 1
"""
_HEAD = f"{_SELECT} where not abandoned order by sequence desc limit 1"
_GAPS = f"""
    select {", ".join(Gap.__struct_fields__)} from slot_gaps
    where to_slot >= $1 and from_slot <= $2
"""
_SUMS = """
    select count(*) as blocks, coalesce(sum(executed), 0)::bigint as executed,
        coalesce(sum(ours), 0)::bigint as ours, coalesce(sum(decoded), 0)::bigint as decoded,
        coalesce(sum(unknown), 0)::bigint as unknown
    from slot_certificates where slot between $1 and $2 and not abandoned
"""
_BEFORE = """
    select slot from slot_certificates
    where not abandoned and block_time_s < $1 order by block_time_s desc, slot desc limit 1
"""
_BEHIND = """
    select slot from slot_certificates
    where not abandoned and block_time_s >= $1 order by block_time_s, slot limit 1
"""


class _Sums(msgspec.Struct):
    blocks: int
    executed: int
    ours: int
    decoded: int
    unknown: int


class PostgresSlots:
    """The port `projections.slot_reads.SlotReads`."""

    _pool: Pool

    async def newest_slot(self) -> NewestSlot | None:
        """The last slot that is certified; None before the first."""
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, NewestSlot, _NEWEST)
        return rows[0] if rows else None

    async def slot(self, slot: int) -> SlotRow | None:
        """What is known of a slot; None before the first certificate."""
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if (bounds := await _bounds(connection)) is None:
                return None
            at = int64(slot)
            return SlotRow(
                certificate=await _one(connection, _SLOT, at),
                child=await _one(connection, _CHILD, at),
                gaps=await rows_of(connection, Gap, _GAPS, at, at),
                bounds=bounds,
            )

    async def certified_until(self, slot: int) -> Certificate | None:
        """The certificate of the last slot up to this one that has one."""
        async with asking(self._pool) as connection:
            return await _one(connection, _UNTIL, int64(slot))

    async def bounds(self) -> Bounds | None:
        """From where to where certificates reach; None before the first one."""
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await _bounds(connection)

    async def slot_range(self, from_slot: int, to_slot: int) -> RangeRow | None:
        """The sums over a range, both ends in it; None before the first certificate."""
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if (bounds := await _bounds(connection)) is None:
                return None
            ends = int64(from_slot), int64(to_slot)
            (sums,) = await rows_of(connection, _Sums, _SUMS, *ends)
            gaps = await rows_of(connection, Gap, _GAPS, *ends)
        return RangeRow(bounds=bounds, gaps=gaps, **msgspec.structs.asdict(sums))

    async def gaps(self, within: Stretch) -> Sequence[Gap]:
        """All gaps that touch a stretch."""
        ends = int64(within.from_slot), int64(within.to_slot)
        async with asking(self._pool) as connection:
            return await rows_of(connection, Gap, _GAPS, *ends)

    async def slots_around(self, from_s: int, to_s: int) -> Stretch | None:
        """Slots that hold all blocks of the time [from_s, to_s), the chain's clock."""
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            final = await _one(connection, _FINAL)
            if final is None:
                return None
            before = await connection.fetchval(_BEFORE, int64(from_s))
            behind = await connection.fetchval(_BEHIND, int64(to_s))
        end = final.slot if behind is None else behind
        return Stretch(0 if before is None else before, end)


async def _bounds(connection: Connection) -> Bounds | None:
    first, final = await _one(connection, _FIRST), await _one(connection, _FINAL)
    head = await _one(connection, _HEAD)
    if first is None or final is None or head is None:
        return None
    return Bounds(first=first, final=final, head=head)


async def _one(connection: Connection, sql: str, *arguments: object) -> Certificate | None:
    rows = await rows_of(connection, Certificate, sql, *arguments)
    return rows[0] if rows else None
