"""From when on candles are kept: an empty chart would say that nothing was traded before."""

from collections.abc import Sequence
from datetime import UTC, datetime

from api.problems import PAST_NOT_KEPT, ProblemError
from projections.horizon import CandleHorizons
from projections.reads import INTERVALS_S, CandleRow, TokenRow

_NAMES = {length_s: name for name, length_s in INTERVALS_S.items()}


async def kept_from(
    reads: CandleHorizons, of: TokenRow, *, interval_s: int, to_s: int
) -> int | None:
    """The first second of which all candles of a token are kept; None where none are gone.

    That is of those that start before `to_s`. To be asked when rows were read, not before: what
    goes is noted first.
    """
    from_s = await reads.candles_from(interval_s=interval_s)
    began_s = of.first_trade_time_s
    if from_s is None or began_s is None:
        return None
    first_s = began_s - began_s % interval_s
    return from_s if first_s < min(from_s, to_s) else None


async def check_kept(
    reads: CandleHorizons,
    of: TokenRow,
    rows: Sequence[CandleRow],
    *,
    begins: bool,
    interval_s: int,
    from_s: int,
    to_s: int,
    limit: int,
) -> int | None:
    """`kept_from`, or the problem that a page would be of a time of which candles are gone.

    `rows` are the newest `limit` in [from_s, to_s). Who gave a beginning says `begins`; who
    did not gets those that are there, unless there are none.
    """
    since_s = await kept_from(reads, of, interval_s=interval_s, to_s=to_s)
    if since_s is None or len(rows) >= limit:
        return since_s
    if from_s >= since_s or (rows and not begins):
        return since_s
    instead = f"begin with {since_s}, or " if since_s < to_s else ""
    raise ProblemError(
        PAST_NOT_KEPT,
        f"{not_kept(interval_s, since_s)}; {instead}ask for 1m",
        parameter="from" if begins else "interval",
    )


def not_kept(interval_s: int, since_s: int) -> str:
    """Says so in a sentence."""
    since = datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"candles of {_NAMES[interval_s]} from before {since} were let go of"
