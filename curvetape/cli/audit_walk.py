"""The audits' way through the log: every message once, as it is now, and how far it has come."""

import time
from collections.abc import Callable, Sequence

import msgspec

from adapters.jetstream.reader import JetStreamLog
from curvetape.cli.common import say
from domain.events import decode
from domain.log import SequenceGapError, Stored
from projections.audit.certificates import Certificates
from projections.audit.reserves import Reserves

BATCH_MAX = 5_000
STATUS_WAIT_S = 5.0


async def walk_certificates(log: JetStreamLog, walk: Certificates) -> None:
    """Walk the whole log; raises `LogError`, but a hole in the log is for the walk to say."""

    def take(stored: Stored) -> None:
        try:
            event = decode(stored.payload)
        except msgspec.DecodeError as error:
            walk.unreadable(stored.sequence, str(error))
        else:
            walk.take(stored.sequence, stored.payload, event)

    try:
        await _walk(log, (), take)
    except SequenceGapError as error:
        walk.missing(error.expected, error.received)


async def walk_reserves(log: JetStreamLog, walk: Reserves, mints: Sequence[str]) -> None:
    """Walk the log, or of some mints only what is about them; raises `LogError` as above."""

    def take(stored: Stored) -> None:
        try:
            event = decode(stored.payload)
        except msgspec.DecodeError:
            walk.unreadable()
        else:
            walk.take(stored.sequence, event)

    subjects = [f"pump.*.*.{mint}" for mint in mints]
    if subjects:
        subjects += ["pump.slot.*", "pump.gap.*"]
    try:
        await _walk(log, subjects, take)
    except SequenceGapError:
        walk.unreadable()


async def _walk(log: JetStreamLog, subjects: Sequence[str], take: Callable[[Stored], None]) -> None:
    """Hand over the log as it is now, and tell how it goes."""
    last = await log.last_sequence()
    began_s = told_s = time.monotonic()
    count = 0
    async for batch in log.read_stored(
        after=0, batch_max=BATCH_MAX, follow=False, subjects=subjects
    ):
        for stored in batch:
            take(stored)
        count += len(batch)
        now_s = time.monotonic()
        if now_s - told_s >= STATUS_WAIT_S:
            told_s = now_s
            position = batch[-1].sequence
            left_s = (last - position) * (now_s - began_s) / position
            rate = count / (now_s - began_s)
            say(f"at sequence {position:,} of {last:,}: {rate:,.0f}/s, {left_s:,.0f} s to go")
