"""Fills a read model of Valkey's from the archive's segments by columns, not event by event."""

import asyncio
import time
from collections.abc import Iterator, Mapping

from adapters.archive import chain
from adapters.archive.leaderboard_source import changes, newest_s
from adapters.valkey.checkpoint import CheckpointedStore
from adapters.valkey.leaderboards import RETAINED_S
from curvetape.catching_up import STATUS_WAIT_S, Say, pace
from curvetape.loading import applying
from domain.archive import ArchiveStore, Manifest
from projections.leaderboards import Changes, Leaderboards

NAME = Leaderboards.name
ROWS_TOGETHER = 2_000
"""About so many cards and buckets are saved in one step, during which nobody else is answered."""


async def load_keys_by_columns(
    archive: ArchiveStore, rows: CheckpointedStore[Changes], *, until: int, say: Say
) -> int:
    """Fill empty leaderboards from the segments that end at or before a sequence.

    Returns where the checkpoint is then: 0 where there are no such segments. Raises `ArchiveError`,
    `ProjectionError`, and `UnloadableError` where a segment holds what cannot be applied.
    """
    every = await asyncio.to_thread(chain.manifests, archive)
    segments = [it for it in every if it.last_sequence <= until]
    if not segments:
        return 0
    abandoned = {it.slot: it.sequence for segment in every for it in segment.abandoned}
    for back in (await rows.checkpoint()).taken_back:
        abandoned[back.slot] = max(back.sequence, abandoned.get(back.slot, 0))
    loading = _Loading(archive, rows, abandoned, say)
    await loading.run(segments)
    return segments[-1].last_sequence


class _Loading:
    """Reads a segment while the one before is saved."""

    def __init__(
        self,
        archive: ArchiveStore,
        rows: CheckpointedStore[Changes],
        abandoned: Mapping[int, int],
        say: Say,
    ) -> None:
        self._archive = archive
        self._rows = rows
        self._abandoned = abandoned
        self._say = say
        self._after_s = 0
        self._parts = 0

    async def run(self, segments: list[Manifest]) -> None:
        began = said = time.monotonic()
        last = segments[-1].last_sequence
        # What no window can hold in the end need not be kept on the way.
        self._after_s = await asyncio.to_thread(self._newest_s, segments[-1]) - RETAINED_S
        reading = asyncio.create_task(asyncio.to_thread(self._read, segments[0]))
        try:
            for segment, following in zip(segments, [*segments[1:], None], strict=True):
                made = await reading
                if following is not None:
                    reading = asyncio.create_task(asyncio.to_thread(self._read, following))
                for part in divided(made, ROWS_TOGETHER):
                    await self._rows.fill(part, part=self._parts, reached=last)
                    self._parts += 1
                if (now := time.monotonic()) - said >= STATUS_WAIT_S:
                    said, done = now, segment.last_sequence
                    left = pace(done, last, now - began)
                    self._say(f"{NAME}: {done:,} of {last:,} sealed events, {left}")
            await self._rows.filled(parts=self._parts, reached=last)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        seconds = max(time.monotonic() - began, 0.001)
        self._say(f"{NAME}: {last:,} sealed events in {seconds:,.1f} s, {last / seconds:,.0f}/s")

    def _newest_s(self, segment: Manifest) -> int:
        return newest_s(chain.content_of(self._archive, segment), self._abandoned)

    def _read(self, segment: Manifest) -> Changes:
        content = chain.content_of(self._archive, segment)
        with applying(segment):
            return changes(content, self._abandoned, after_s=self._after_s)


def divided(changes: Changes, rows_max: int) -> Iterator[Changes]:
    """The changes in parts of about so many cards and buckets; what is of one token is in one."""
    of_token: dict[str, Changes] = {}
    for mint, card in changes.tokens.items():
        of_token[mint] = Changes({mint: card}, {})
    for key, bucket in changes.buckets.items():
        of_token[key[0]].buckets[key] = bucket
    part = Changes({}, {}, changes.prices)
    for mint in sorted(of_token):
        part.tokens |= of_token[mint].tokens
        part.buckets |= of_token[mint].buckets
        if len(part.tokens) + len(part.buckets) >= rows_max:
            yield part
            part = Changes({}, {})
    yield part
