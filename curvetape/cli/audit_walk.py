"""The audits' way through the log: every message once, as it is now, and how far it has come."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from adapters.jetstream.reader import JetStreamLog
from curvetape.cli.common import say
from domain.events import decode
from domain.log import SequenceGapError, Stored
from projections.audit.certificates import Certificates
from projections.audit.reserves import ReserveReport, Reserves
from projections.audit.slot_report import SlotReport

if TYPE_CHECKING:
    from adapters.archive.log import ArchivedLog

BATCH_MAX = 5_000
STATUS_WAIT_S = 5.0

Log: TypeAlias = "ArchivedLog | JetStreamLog"


async def slot_report(log: Log, *, from_slot: int) -> SlotReport:
    """What the log's certificates prove; raises `LogError`, but a hole is in the report.

    A log of which the beginning is not there at all cannot be judged: raises `SequenceGapError`.
    """
    walk = Certificates(from_slot=from_slot)
    await _walk_certificates(log, walk)
    if keep := frozenset(walk.again):
        say(f"reading again for {len(keep):,} slots whose certificates came late")
        walk = Certificates(from_slot=from_slot, keep=keep)
        await _walk_certificates(log, walk)
    return walk.report()


async def reserve_report(log: Log, *, mints: Sequence[str], from_slot: int) -> ReserveReport:
    """What the reserves prove, of all mints or of some; raises as above."""
    if mints:
        await _find_beginning(log)
    walk = Reserves(mints=mints, from_slot=from_slot)
    await _walk_reserves(log, walk, mints)
    if late := walk.late:
        say(f"reading again without what was taken back late in {len(late):,} slots")
        walk = Reserves(mints=mints, from_slot=from_slot, retractions=late)
        await _walk_reserves(log, walk, mints)
    return walk.report()


async def _find_beginning(log: Log) -> None:
    """Of some subjects alone no reader can tell that the beginning is not there."""
    async for _ in log.read_stored(after=0, batch_max=1, follow=False):
        return


async def _walk_certificates(log: Log, walk: Certificates) -> None:
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
        if error.expected == 1:
            raise
        walk.missing(error.expected, error.received)


async def _walk_reserves(log: Log, walk: Reserves, mints: Sequence[str]) -> None:
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
    except SequenceGapError as error:
        if error.expected == 1:
            raise
        walk.unreadable()


async def _walk(log: Log, subjects: Sequence[str], take: Callable[[Stored], None]) -> None:
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
