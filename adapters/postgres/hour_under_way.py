"""Takes the hour under way as a whole one, where all that it has is asked for."""

from adapters.postgres.pool import Connection
from projections.buckets import HOUR_S
from projections.windows import Span

_NOTHING_SINCE = """
    select not exists (select from candle_rows where interval_s = 60 and start_s >= $1)
        and not exists (select from candle_page_ends where interval_s = 60 and until_s > $1)
"""


async def whole_hours(connection: Connection, *spans: Span) -> list[Span]:
    """Spans of the same candles, which end with their last hour if nothing was traded behind them.

    All end at the same time. An hour's candle holds no more than its minutes so far do, and is one
    instead of many, beside those of other tokens. Those that do not begin in an earlier hour, or
    with the hour, stay as they are. The connection has to be in a transaction that sees one state.
    """
    to_s = max(it.to_s for it in spans)
    hour_s = to_s - to_s % HOUR_S
    if hour_s == to_s or not await connection.fetchval(_NOTHING_SINCE, to_s):
        return list(spans)
    return [Span(it.from_s, hour_s + HOUR_S) if it.from_s <= hour_s else it for it in spans]
