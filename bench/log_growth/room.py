"""Whether the disk has room for a log, before hours go into it."""

import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from adapters.jetstream.batch import batch_frames
from bench.log_growth.history import MADE_TOGETHER, History
from bench.result import RefusedError
from domain.events import encode
from domain.log import Entry

RECORD_BYTES = 40
"""What the server adds to a message in its files: lengths, sequence, time and checksum."""
SHARE = 1.1
"""For the indexes, and for what is appended to measure."""
KEPT_FREE_BYTES = 5 * 1024**3
"""Whoever else uses the disk is not to run out of it."""
_SAMPLE = 50 * MADE_TOGETHER


def bytes_per_event(history: History) -> int:
    """What an event takes in the server's files, measured on the frames of the first ones."""
    sample: Sequence[Entry] = [
        Entry(subject=event.subject, id=event.id, payload=encode(event))
        for event in chain.from_iterable(history.parts(0, _SAMPLE))
    ]
    frames = batch_frames(sample, batch_id=bytes(20), reply=bytes(30))
    return len(frames) // len(sample) + RECORD_BYTES


def check(folder: Path, events: int, event_bytes: int) -> None:
    """Raise `RefusedError` where a folder has no room for so many events."""
    wanted = int(events * event_bytes * SHARE)
    free = shutil.disk_usage(folder).free
    if wanted + KEPT_FREE_BYTES > free:
        raise RefusedError(
            f"{events:,} events take about {wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free "
            f"in {folder}, {KEPT_FREE_BYTES / 1e9:.1f} GB of which are left alone; make room, name "
            f"a larger folder in TMPDIR, or measure fewer, as in SIZES=100000,1000000"
        )
