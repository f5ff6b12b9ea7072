"""Blocks read back from `RAW` as the decoder reads them."""

from collections.abc import AsyncIterator, Collection, Sequence

from google.protobuf.message import DecodeError

from adapters.jetstream.connection import Connection
from adapters.jetstream.moment import NS_PER_S, sequence_before
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import states
from adapters.yellowstone import frames
from curvetape.amending import MARGIN_S
from domain.chain import RawTransaction
from ingest.raw import Gathered, RawDamagedError, RawPart, decode, field

STREAM = "RAW"
SUBJECTS = ("raw.>",)
"""What is old is dropped, so the stream does not begin at 1; reading by subject does not mind."""
BATCH_MAX = 64
"""Messages of up to 512 KB."""
UPDATE_BLOCK = 5
"""The number of a block in a `SubscribeUpdate`."""


async def is_kept(connection: Connection) -> bool:
    """Whether there is a stream of raw blocks; raises `LogError`."""
    return any(state.stream == STREAM for state in await states(connection))


async def raw_parts(connection: Connection, *, since_ns: int = 0) -> AsyncIterator[RawPart]:
    """What the stream holds of blocks received since a moment, and perhaps of some before.

    In the order in which they were proven. Raises `LogError`.
    """
    after = 0
    if since_ns:
        after = await sequence_before(connection, STREAM, since_ns - MARGIN_S * NS_PER_S)
    log = JetStreamLog(connection, stream=STREAM)
    async for batch in log.read_stored(
        after=after, batch_max=BATCH_MAX, follow=False, subjects=SUBJECTS
    ):
        for stored in batch:
            yield decode(stored.payload)


async def raw_blocks(
    connection: Connection, slots: Collection[int], *, since_ns: int
) -> dict[int, list[RawTransaction]]:
    """The transactions of those of the slots that the stream has whole, by slot.

    All of them are held in memory together.
    """
    gathered: dict[int, Gathered] = {}
    async for part in raw_parts(connection, since_ns=since_ns):
        if part.slot in slots:
            gathered.setdefault(part.slot, Gathered()).take(part)
    return {
        slot: transactions(whole)
        for slot, each in gathered.items()
        if (whole := each.whole()) is not None
    }


def transactions(parts: Sequence[RawPart]) -> list[RawTransaction]:
    """All transactions of a block's parts in the block's order; `RawDamagedError`."""
    found: list[RawTransaction] = []
    for part in parts:
        block = part.block()
        try:
            update = frames.parse(field(UPDATE_BLOCK, block))
        except DecodeError as error:
            raise RawDamagedError(part.id, str(error)) from error
        found += frames.sent_block(update, part.received_at_ns).transactions
    return sorted(found, key=lambda tx: tx.index)
