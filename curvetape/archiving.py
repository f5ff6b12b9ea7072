"""Seals the log into the archive: once, or for as long as it is told to."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from adapters.archive import chain
from adapters.archive.log import StoredLog, check_same
from adapters.archive.sealing import SEGMENT_EVENTS_MAX, Sealing
from domain.archive import ArchiveStore, Manifest

READ_BATCH_MAX = 4_096
FOLLOW_WAIT_S = 5.0
"""Between two looks at whether the log has grown by a segment."""
STATUS_WAIT_S = 5.0

Say = Callable[[str], None]


Sealed = Callable[[Manifest], Awaitable[None]]
"""Awaited when a segment has been sealed, before the next one is."""


async def _nothing(_manifest: Manifest) -> None:
    return


class Archiving:
    """One log and its archive; use it within `store.sealing()`."""

    def __init__(
        self,
        log: StoredLog,
        store: ArchiveStore,
        say: Say,
        *,
        events_max: int = SEGMENT_EVENTS_MAX,
        sealed: Sealed = _nothing,
    ) -> None:
        self._log = log
        self._store = store
        self._say = say
        self._events_max = events_max
        self._sealed = sealed

    async def once(self, *, rest: bool = False) -> int:
        """Seal what the log holds now, as far as it is decided; how many segments that made.

        Only whole segments, unless the `rest` is wanted too. Raises `LogError`.
        """
        last = await self._last()
        sealing = Sealing(last, events_max=self._events_max)
        after = 0 if last is None else last.last_sequence
        end = await self._log.last_sequence()
        if not rest and end - after < self._events_max:
            return 0
        count, said = 0, time.monotonic()
        async for batch in self._log.read_stored(
            after=after, batch_max=READ_BATCH_MAX, follow=False
        ):
            await asyncio.to_thread(sealing.take, batch)
            count += await self._seal(sealing)
            if time.monotonic() - said >= STATUS_WAIT_S:
                said = time.monotonic()
                self._say(f"read up to sequence {batch[-1].sequence:,} of {end:,}")
        if rest:
            count += await self._seal(sealing, rest=True)
        return count

    async def follow(self, stop: asyncio.Event) -> None:
        """Seal a segment whenever the log has grown by one, until told to stop."""
        while not stop.is_set():
            await self.once()
            try:
                await asyncio.wait_for(stop.wait(), FOLLOW_WAIT_S)
            except TimeoutError:
                continue

    async def _seal(self, sealing: Sealing, *, rest: bool = False) -> int:
        count = 0
        while (end := sealing.ready(rest=rest)) is not None:
            manifest = await asyncio.to_thread(sealing.seal, self._store, end)
            self._say(
                f"sealed {manifest.events:,} messages up to sequence {end:,}: "
                f"{manifest.file_bytes / manifest.events:.1f} bytes each"
            )
            await self._sealed(manifest)
            count += 1
        return count

    async def _last(self) -> Manifest | None:
        known = await asyncio.to_thread(chain.manifests, self._store)
        if not known:
            return None
        await check_same(self._store, known[-1], self._log)
        return known[-1]
