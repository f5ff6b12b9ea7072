"""Lets the stream go of what is sealed, once it has been verified in the archive."""

import asyncio
from collections.abc import Callable, Sequence

from adapters.archive import chain
from adapters.jetstream.ageing import extent, let_go, lift_limit
from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from domain.archive import ArchiveStore, Manifest
from domain.events import AnyEvent, GapDetected, GapFilled, decode

STREAM = "PUMP"
KEEP_EVENTS = 10_000_000
"""How much of what is sealed the stream keeps all the same; a lagging reader needs no archive."""
KEEP_EVENTS_MIN = 1_000_000
"""Less is refused: it is also what may be appended in the moment in which messages are let go."""
GAPS = "pump.gap.>"
GAPS_BATCH_MAX = 1_000

Say = Callable[[str], None]


class Ageing:
    """One stream and the archive that stands in for its past."""

    def __init__(
        self, connection: Connection, store: ArchiveStore, say: Say, *, keep: int = KEEP_EVENTS
    ) -> None:
        self._connection = connection
        self._store = store
        self._say = say
        self._keep = keep

    async def recover(self) -> None:
        """Take a limit away that was left in force by who was killed while letting go."""
        if await lift_limit(self._connection, STREAM):
            self._say(f"{STREAM} had a limit in force, left by a killed sealer; it is lifted")

    async def let_go(self) -> int:
        """Let go of whole segments that are verified and far enough behind; how many messages.

        What an open gap of the log was told by is kept, since ingest has to find it. Raises
        `LogError`, for one `ArchiveDamagedError`, before anything is let go of.
        """
        await self.recover()
        segments = await asyncio.to_thread(chain.manifests, self._store)
        held = await extent(self._connection, STREAM)
        if not segments:
            return 0
        edge = min(segments[-1].last_sequence - self._keep, await self._first_open_gap() - 1)
        going = [it for it in segments if held.first_sequence <= it.last_sequence <= edge]
        if not going:
            return 0
        await self._verify(going)
        left = await let_go(
            self._connection, STREAM, up_to=going[-1].last_sequence, spare=self._keep
        )
        count = left.first_sequence - held.first_sequence
        self._say(f"{STREAM} let go of {count:,} messages, and begins at {left.first_sequence:,}")
        return count

    async def _verify(self, segments: Sequence[Manifest]) -> None:
        for segment in segments:
            await asyncio.to_thread(chain.verify, self._store, segment)
        self._say(f"verified {len(segments):,} segments that {STREAM} is to let go of")

    async def _first_open_gap(self) -> int:
        log = JetStreamLog(self._connection, stream=STREAM)
        found = [
            (it.sequence, decode(it.payload))
            async for batch in log.read_stored(
                after=0, batch_max=GAPS_BATCH_MAX, follow=False, subjects=[GAPS]
            )
            for it in batch
        ]
        first = first_open_gap(found)
        return await log.last_sequence() + 1 if first is None else first


def first_open_gap(events: Sequence[tuple[int, AnyEvent]]) -> int | None:
    """The sequence of the first `gap.detected` with slots that no `gap.filled` names since."""
    open_slots: list[tuple[int, int, int]] = []
    for sequence, event in events:
        if isinstance(event, GapDetected):
            open_slots.append((sequence, event.from_slot, event.to_slot))
        elif isinstance(event, GapFilled):
            open_slots = [
                part
                for each in open_slots
                for part in _without(each, event.from_slot, event.to_slot)
            ]
    return min((sequence for sequence, _, _ in open_slots), default=None)


def _without(gap: tuple[int, int, int], first: int, last: int) -> list[tuple[int, int, int]]:
    sequence, start, end = gap
    parts = [(sequence, start, min(end, first - 1)), (sequence, max(start, last + 1), end)]
    return [part for part in parts if part[1] <= part[2]]
