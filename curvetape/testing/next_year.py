"""A chain whose programs emit an event that nobody knows yet, and the day on which it is known."""

from collections.abc import Callable, Sequence

from adapters.yellowstone import frames
from curvetape.simulator.forks import UNKNOWN_DISCRIMINATOR, unknown
from curvetape.testing.blocks import block
from curvetape.testing.simulated import Info, first_blocks
from domain.chain import Block, RawTransaction
from domain.programs import PROGRAMS
from ingest.layouts import catalogue
from ingest.layouts.layout import Field, Layout, Version
from ingest.layouts.types import Number
from ingest.transaction import entries

FIRST = 1_000
EVERY = 3
"""One in so many transactions has an event of next year."""
NAME = "NextYearEvent"
RATE_PER_S = 15.0


def chain(count: int, *, received_at_ns: int = 1) -> list[Block]:
    """Blocks of the generated market in neighbouring slots, behind one that is empty."""
    blocks = [block(FIRST, FIRST - 1)]
    for number, (simulated, _) in enumerate(first_blocks(count, rate_per_s=RATE_PER_S), 1):
        slot = FIRST + number
        transactions = [
            landed(info, slot, is_new=place % EVERY == 0, received_at_ns=received_at_ns)
            for place, info in enumerate(simulated.transactions)
        ]
        blocks.append(block(slot, slot - 1, transactions))
    return blocks


def landed(
    info: Info, slot: int, *, is_new: bool, index: int | None = None, received_at_ns: int = 1
) -> RawTransaction:
    """A transaction in this slot, perhaps at another index, perhaps with an event of next year."""
    made = unknown(info) if is_new else Info.FromString(info.SerializeToString())
    if index is not None:
        made.index = index
    return frames.transaction(made, slot=slot, block_time_s=slot, received_at_ns=received_at_ns)


def letters(blocks: Sequence[Block]) -> int:
    """How many dead letters come of blocks today."""
    return sum(len(entries(tx).dead) for each in blocks for tx in each.transactions)


def learn(setitem: Callable[..., None], programs: Sequence[str] = PROGRAMS) -> None:
    """Let the decoder know the event; `setitem` is that of pytest's monkeypatch."""
    for program in programs:
        fields = (Field("amount", Number("Q"), "u64"),)
        layout = Layout(program, NAME, UNKNOWN_DISCRIMINATOR, [Version("N1", fields)])
        setitem(catalogue.BY_PROGRAM[program], UNKNOWN_DISCRIMINATOR, layout)
