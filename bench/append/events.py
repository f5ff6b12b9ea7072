"""What all sides append: events of the simulated market, read from its transactions as ingest does.

They are in a file, a line each, that every side decodes before its clock starts.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from adapters.yellowstone import frames
from curvetape.simulator.market import Market
from domain.events import AnyEvent, decode, encode
from ingest.transaction import translated

RATE_PER_S = 1_000.0
SLOT_MS = 400
SEED = 1
FIRST_SECOND = 1_792_000_000
_MARK_CHARS = 12
"""So much of a signature makes place for what tells one copy of an event from another."""


def write(path: Path, count: int) -> dict[str, object]:
    """Write the market's first `count` events, and say what they are."""
    payloads = [encode(event) for event in islice(_market(), count)]
    path.write_bytes(b"\n".join(payloads))
    return {
        "source": "simulated market, decoded from its transactions",
        "events": len(payloads),
        "bytes_per_event": round(sum(map(len, payloads)) / len(payloads)),
    }


def read(path: Path) -> list[AnyEvent]:
    """What `write` wrote."""
    return [decode(line) for line in path.read_bytes().splitlines()]


def marked(events: Sequence[AnyEvent], mark: str) -> list[AnyEvent]:
    """The events under ids of their own, as long as they were, so that the log takes them again."""
    assert len(mark) <= _MARK_CHARS, "the rest of an id tells the events apart"
    return [
        msgspec.structs.replace(event, id=mark.ljust(_MARK_CHARS, "x") + event.id[_MARK_CHARS:])
        for event in events
    ]


def _market() -> Iterator[AnyEvent]:
    market = Market.open(
        None, seed=SEED, rate_per_s=RATE_PER_S, slot_ms=SLOT_MS, genesis_time_s=FIRST_SECOND
    )
    while True:
        block = market.next_block()
        time_s = block.block_time.timestamp
        for info in block.transactions:
            tx = frames.transaction(
                info, slot=block.slot, block_time_s=time_s, received_at_ns=time_s * 1_000_000_000
            )
            yield from () if tx.failed else translated(tx).events
