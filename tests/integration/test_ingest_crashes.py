"""Ingest may die at any moment: what it left is completed by the next start, and proven."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from adapters.yellowstone import frames
from curvetape.definitions import definitions
from curvetape.testing.blocks import block
from curvetape.testing.log import Dying, LiveLog
from curvetape.testing.pipelines import (
    ListSource,
    audited,
    counting,
    early,
    ids_of,
    one_a_batch,
    pipeline,
    reading,
    whole,
)
from curvetape.testing.simulated import first_blocks
from domain.chain import Block, ChainUpdate
from domain.events import GapDetected, GapFilled, ProgramEvent, SlotAbandoned
from domain.log import LogUnavailableError
from ingest.slots import HOLE_WAIT_S

BLOCKS = 10
MISSING = slice(3, 5)
"""Blocks that come late, so that they are a gap for a while."""
PAUSE_S = 0.01
"""Longer than an append takes, so that there are as many appends as there can be."""
DEATHS_MAX = 60
"""More appends than ingest makes of this chain."""


def chain() -> list[Block]:
    """Simulated transactions in every second slot, so that forks find room in between."""
    blocks = []
    parent = 998
    for number, (simulated, _) in enumerate(first_blocks(BLOCKS, rate_per_s=15)):
        slot = 1_000 + 2 * number
        transactions = [
            frames.transaction(info, slot=slot, block_time_s=slot, received_at_ns=1)
            for info in simulated.transactions
        ]
        blocks.append(block(slot, parent, transactions))
        parent = slot
    return blocks


def fork(of: Block) -> list[ChainUpdate]:
    """A block's first transactions as they were seen in the slot before, which died."""
    (simulated,) = [
        it for number, (it, _) in enumerate(first_blocks(BLOCKS, rate_per_s=15))
        if 1_000 + 2 * number == of.slot
    ]  # fmt: skip
    return [
        frames.transaction(info, slot=of.slot - 1, block_time_s=1, received_at_ns=1)
        for info in simulated.transactions[:3]
    ]


def arriving(blocks: list[Block]) -> list[Sequence[ChainUpdate]]:
    """A chain with all that can happen to it: early copies, a fork, a gap that is filled."""
    return [
        *one_a_batch(blocks[:1]),
        early(blocks[1:2]),
        fork(blocks[2]),
        *one_a_batch(blocks[1:3]),
        *one_a_batch(blocks[5:9]),
        *([()] * 6),
        *one_a_batch(blocks[MISSING]),
        early(blocks[9:]),
        *one_a_batch(blocks[9:]),
    ]


def seconds() -> Iterator[float]:
    """A clock that is read once for each batch: three batches are what a hole is waited for."""
    return count(0.0, HOLE_WAIT_S / 3)


async def emptied(live_log: LiveLog) -> None:
    """Begin a new log on the same server, with an appender that knows nothing of the old one."""
    live_log.appender.close()
    for stream in ("PUMP", "DEAD"):
        await live_log.connection.jetstream.delete_stream(stream)
    await apply(live_log.connection, load(definitions() / "streams.toml"))
    live_log.appender = await JetStreamAppender.open(
        live_log.connection, monitor_urls=live_log.server.monitor_url
    )


async def lives(live_log: LiveLog, blocks: list[Block], *, at: int, share: float) -> bool:
    """Read the chain, die at an append, and start again; whether it did not live to die."""
    dying = Dying(live_log.appender, at=at, share=share)
    time_s = seconds()
    loop = await pipeline(live_log, log=dying, clock_s=lambda: next(time_s))
    died = False
    try:
        # In a task of its own, as in a process of its own: a failed group leaves marks on its task.
        source = ListSource(*arriving(blocks), pause_s=PAUSE_S)
        await asyncio.create_task(loop.run(reading(source)))
    except* LogUnavailableError:
        died = True
    time_s = seconds()
    loop = await pipeline(live_log, clock_s=lambda: next(time_s))
    await loop.run(reading(ListSource(*one_a_batch(blocks), *([()] * 6))))
    return not died


async def test_the_chain_here_has_a_fork_and_a_gap_that_is_filled(live_log: LiveLog) -> None:
    blocks = chain()
    assert await lives(live_log, blocks, at=DEATHS_MAX, share=1.0)
    events = await whole(live_log)
    kinds = {type(it) for it in events if not isinstance(it, ProgramEvent)}
    assert {GapDetected, GapFilled, SlotAbandoned} < kinds
    assert sorted(counting(events)) == sorted(ids_of(blocks))
    assert len(ids_of(blocks)) > 40


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_wherever_it_dies_the_next_start_completes_and_proves_the_log(
    live_log: LiveLog, share: float
) -> None:
    blocks = chain()
    for at in range(1, DEATHS_MAX):
        is_past_the_end = await lives(live_log, blocks, at=at, share=share)
        report = await audited(live_log)
        said = (at, share, report.verdict, report.gaps, report.holes, report.problems)
        assert (report.verdict, report.slots, report.not_final) == ("complete", BLOCKS, 0), said
        assert sorted(counting(await whole(live_log))) == sorted(ids_of(blocks)), said
        if is_past_the_end:
            break
        await emptied(live_log)
    assert 5 < at < DEATHS_MAX - 1, "every append was tried"
