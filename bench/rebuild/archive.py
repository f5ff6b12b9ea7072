"""The archive that is read: segments as the product seals them, and what has to come out."""

from collections import Counter
from pathlib import Path

import msgspec

from adapters.archive.folder import FolderStore
from adapters.archive.sealing import Sealing
from bench.append import events
from bench.rebuild.history import History
from bench.result import say
from domain.events import encode
from domain.log import Stored
from projections.price import fill

ORIGINALS = 4_000
"""Events that the simulated market makes; all others are made of them."""


class Archived(msgspec.Struct):
    """What an archive holds."""

    events: int
    trades: int
    """Those that move a chart."""
    kinds: dict[str, int]
    bytes: int
    segments: int


def originals(folder: Path) -> Path:
    """The file of the simulated market's events, made where there is none."""
    file = folder / "originals.jsonl"
    if not file.exists():
        say(f"simulating {ORIGINALS:,} events ...")
        events.write(file, ORIGINALS)
    return file


def write(folder: Path, file: Path, count: int) -> Archived:
    """Seal the history's first events in a folder."""
    say(f"sealing {count:,} events made of them ...")
    store = FolderStore(folder)
    history = History(events.read(file))
    sealing = Sealing(None)
    archived = Archived(0, 0, {}, 0, 0)
    kinds: Counter[str] = Counter()
    for part in history.parts(0, count):
        for event in part:
            trade = fill(event)
            if trade is not None and trade.canonical and trade.price is not None:
                archived.trades += 1
        sealing.take(
            [Stored(it, encode(event)) for it, event in enumerate(part, archived.events + 1)]
        )
        archived.events += len(part)
        while (end := sealing.ready(rest=archived.events == count)) is not None:
            manifest = sealing.seal(store, end)
            say(f"{manifest.last_sequence:,} sealed")
            kinds.update(manifest.kinds)
            archived.bytes += manifest.file_bytes
            archived.segments += 1
    archived.kinds = dict(kinds.most_common())
    return archived
