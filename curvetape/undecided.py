"""Which events wait for their slots where a read model's rows are."""

from domain.log import EventLog
from projections.bounded import Bounded
from projections.projection import Hosted
from projections.settling import Settling

BATCH_MAX = 5_000


async def undecided(
    log: EventLog, hosted: Hosted, *, batch_max: int = BATCH_MAX
) -> tuple[int, frozenset[int]]:
    """The checkpoint's sequence, and those of the events before it that it has not passed.

    They are read again from where a restart would. Raises `LogError` and `ProjectionError`.
    """
    place = await hosted.store.checkpoint()
    settling = Settling(taken_back=place.taken_back, partition=hosted.partition)
    bounded = Bounded(log, place.sequence)
    async for batch in bounded.read(after=place.reread_after, batch_max=batch_max, follow=False):
        settling.restore(batch)
    return place.sequence, settling.undecided
