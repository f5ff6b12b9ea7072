"""From where on a process reads the log's end when it starts."""

from fractions import Fraction

import msgspec

from api.live.tail import LiveLog
from projections.feed_reads import QueryReads
from projections.reads import ReadsUnavailableError

BACK_MIN, BACK_MAX = 20_000, 50_000
"""Events behind the log's end that a start reads once more: some for those who come back after a
restart, and what read models do not hold yet."""
POS_MAX = (1 << 63) - 1
"""Behind every position."""


class Beginning(msgspec.Struct, frozen=True):
    """What is known when a process starts."""

    floor: int
    """Reading begins behind this sequence."""
    last: int
    """The log's end: what comes behind it is new."""
    sol_usd: Fraction | None


async def beginning(log: LiveLog, reads: QueryReads) -> Beginning:
    """Far enough back, but behind what the log has let go of; may raise `LogError`."""
    first, last = await log.first_sequence(), await log.last_sequence()
    sol_usd = None
    try:
        held = {each.name: each.reread_after for each in await reads.positions()}
        (sol_usd,) = await reads.sol_usd([POS_MAX])
    except ReadsUnavailableError:
        held = {}
    wanted = min(held.get("trades", 0), held.get("tokens", 0), last - BACK_MIN)
    return Beginning(min(last, max(0, wanted, last - BACK_MAX, first - 1)), last, sol_usd)
