"""Candles of the charts that somebody watches, told when they have changed."""

import asyncio

import msgspec
from msgspec import UNSET

from api.candle import Candle, candle
from api.live.channel import Channel
from api.live.message import Bundle, Message, token_room
from api.parameters import TIME_S_MAX, Interval
from projections.reads import INTERVALS_S, Reads

CHARTS_MAX = 500
"""Charts that are looked at together; with more of them each has its turn less often."""
QUESTIONS_MAX = 4
"""At a time; the read models have others to answer."""


class CandleTold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token's newest candle, of certified trades only."""

    mint: str
    interval: Interval
    candle: Candle


class Charts:
    """Who watches which chart."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._members: dict[tuple[str, Interval], set[Channel]] = {}
        self._last: dict[tuple[str, Interval], bytes] = {}

    def join(self, channel: Channel, mint: str, interval: Interval) -> None:
        """Have the channel told of a chart's candles; nothing where it has gone."""
        if not channel.gone:
            channel.charts.add((mint, interval))
            self._members.setdefault((mint, interval), set()).add(channel)

    def leave(self, channel: Channel, mint: str) -> None:
        """Stop that, for every interval."""
        for key in [key for key in channel.charts if key[0] == mint]:
            self._leave(channel, key)

    def forget(self, channel: Channel) -> None:
        """Leave all charts."""
        for key in list(channel.charts):
            self._leave(channel, key)

    async def send(self) -> None:
        """Tell of the newest candles that have changed; may raise `ReadsUnavailableError`."""
        keys = list(self._members)[:CHARTS_MAX]
        for key in keys:  # the others come first the next time
            self._members[key] = self._members.pop(key)
        limit = asyncio.Semaphore(QUESTIONS_MAX)

        async def one(key: tuple[str, Interval]) -> None:
            async with limit:
                await self._send(*key)

        await asyncio.gather(*map(one, keys))

    async def _send(self, mint: str, interval: Interval) -> None:
        row = await self._reads.token(mint)
        rows = await self._reads.candles(
            mint, interval_s=INTERVALS_S[interval], from_s=0, to_s=TIME_S_MAX, limit=1
        )
        members = self._members.get((mint, interval))
        if row is None or not rows or not members:
            return
        told = CandleTold(mint=mint, interval=interval, candle=candle(rows[-1], row, None, UNSET))
        body = msgspec.json.encode(told)
        if self._last.get((mint, interval)) == body:
            return
        self._last[mint, interval] = body
        bundle = Bundle([Message(token_room(mint), "candle", 0, body)])
        for channel in members:
            if channel.unsent_share <= 1:
                channel.send(bundle)

    def _leave(self, channel: Channel, key: tuple[str, Interval]) -> None:
        channel.charts.discard(key)
        members = self._members.get(key, set())
        members.discard(channel)
        if not members:
            self._members.pop(key, None)
            self._last.pop(key, None)
