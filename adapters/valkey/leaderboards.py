"""Keeps token cards, and for as long as a window may hold them, buckets and prices of SOL."""

from collections.abc import Sequence
from typing import ClassVar

from adapters.valkey.checkpoint import CheckpointedStore
from adapters.valkey.client import Command
from adapters.valkey.keys import GenerationKeys
from adapters.valkey.values import (
    COMMAND_VALUES_MAX,
    Placed,
    PricedMinute,
    change,
    cut,
    encode,
    flat,
    placed,
    priced_minute,
)
from projections import tokens
from projections.buckets import HOUR_S, LENGTHS_S, MINUTE_S, Bucket, Key
from projections.leaderboards import Changes, Leaderboards, Prices, price_in
from projections.token_change import TokenChange
from projections.windows import WINDOW_S_MAX, WINDOWS_S

RETAINED_S = WINDOW_S_MAX + HOUR_S
"""How far behind the newest trade buckets are kept. The hour more is for whoever asks by a clock
that is behind the chain's."""
TOUCHED_MAX = 200_000
"""Tokens whose last change is remembered; boards that have to know of others begin anew."""

NEWEST_S = "newest_s"
"""Where the checkpoint has the start of the newest minute in which anything was traded."""


class LeaderboardStore(CheckpointedStore[Changes]):
    """The leaderboards read model in Redis or Valkey."""

    name: ClassVar = Leaderboards.name
    version: ClassVar = Leaderboards.version

    async def write(
        self, keys: GenerationKeys, changes: Changes, *, reached: int
    ) -> Sequence[Command]:
        """Merge the changes into cards and buckets, and let go of what no window can hold."""
        if not changes.tokens and not changes.prices:
            return []
        before_s = int(await self._valkey.one("HGET", keys.checkpoint, NEWEST_S) or 0)
        started_s = (start_s for _, length_s, start_s in changes.buckets if length_s == MINUTE_S)
        newest_s = max(before_s, *started_s, 0)
        kept = {
            key: bucket for key, bucket in changes.buckets.items() if key[2] > newest_s - RETAINED_S
        }
        touched = ["ZADD", keys.touched]
        return [
            *await self._cards(keys, changes.tokens),
            *await self._buckets(keys, kept),
            *await self._prices(keys, changes.prices, newest_s),
            *await self._outdated(keys, before_s, newest_s),
            *(
                [*touched, *flat((str(reached), mint) for mint in mints)]
                for mints in cut(sorted(changes.tokens), COMMAND_VALUES_MAX)
            ),
            ("ZREMRANGEBYRANK", keys.touched, "0", str(-TOUCHED_MAX - 1)),
            ("HSET", keys.checkpoint, NEWEST_S, str(newest_s)),
        ]

    def outdated(self, keys: GenerationKeys) -> Sequence[Command]:
        """Boards follow the checkpoint; without them the next question measures every token."""
        return (["UNLINK", *(keys.board(window) for window in WINDOWS_S)],)

    async def _cards(self, keys: GenerationKeys, changes: tokens.Changes) -> list[Command]:
        commands: list[Command] = []
        for mints in cut(sorted(changes), COMMAND_VALUES_MAX):
            held = await self._valkey.one("HMGET", keys.cards, *mints)
            merged = []
            for mint, there in zip(mints, held, strict=True):
                card = TokenChange() if not there else change(there)
                card.absorb(changes[mint])
                merged.append((mint, encode(card)))
            commands.append(["HSET", keys.cards, *flat(merged)])
        return commands

    async def _buckets(self, keys: GenerationKeys, buckets: dict[Key, Bucket]) -> list[Command]:
        places = [
            (keys.buckets(length_s, mint), str(start_s)) for mint, length_s, start_s in buckets
        ]
        held = await self._valkey.ask(
            [("ZRANGEBYSCORE", key, start, start) for key, start in places]
        )
        commands: list[Command] = []
        traded: dict[str, list[str]] = {}
        for (mint, length_s, start_s), (key, start), there in zip(
            buckets, places, held, strict=True
        ):
            bucket = Bucket()
            if there:
                bucket = placed(there[0]).bucket
                commands.append(("ZREM", key, there[0]))
            else:
                traded.setdefault(keys.traded(length_s, start_s), []).append(mint)
            bucket.absorb(buckets[mint, length_s, start_s])
            commands.append(("ZADD", key, start, encode(Placed(start_s, bucket))))
        for key, mints in traded.items():
            commands += (["SADD", key, *some] for some in cut(mints, COMMAND_VALUES_MAX))
        return commands

    async def _prices(self, keys: GenerationKeys, prices: Prices, newest_s: int) -> list[Command]:
        end_s = newest_s - RETAINED_S
        commands: list[Command] = [("ZREMRANGEBYSCORE", keys.prices, "-inf", str(end_s))]
        kept = sorted(start_s for start_s in prices if start_s > end_s)
        held = await self._valkey.ask(
            [("ZRANGEBYSCORE", keys.prices, str(start_s), str(start_s)) for start_s in kept]
        )
        for start_s, there in zip(kept, held, strict=True):
            merged: Prices = {}
            if there:
                price_in(merged, priced_minute(there[0]).price)
                commands.append(("ZREM", keys.prices, there[0]))
            price_in(merged, prices[start_s])
            minute = PricedMinute(start_s, merged[start_s])
            commands.append(("ZADD", keys.prices, str(start_s), encode(minute)))
        return commands

    async def _outdated(self, keys: GenerationKeys, before_s: int, newest_s: int) -> list[Command]:
        """Remove the buckets that were still kept behind `before_s`, and no longer are."""
        if not before_s:
            return []
        commands: list[Command] = []
        end_s = newest_s - RETAINED_S
        for length_s in LENGTHS_S:
            first_s = before_s - RETAINED_S + 1
            first_s += -first_s % length_s
            starts_s = range(first_s, min(end_s, before_s) + 1, length_s)
            traded = [keys.traded(length_s, start_s) for start_s in starts_s]
            found = await self._valkey.ask([("SMEMBERS", key) for key in traded])
            mints = sorted({mint for members in found for mint in members})
            commands += (
                ("ZREMRANGEBYSCORE", keys.buckets(length_s, mint), "-inf", str(end_s))
                for mint in mints
            )
            commands += (["UNLINK", *some] for some in cut(traded, COMMAND_VALUES_MAX))
        return commands
