"""Leaderboards in memory, each measured anew from all events."""

from collections.abc import Mapping, Sequence

import msgspec

from domain.log import Recorded
from projections.buckets import MINUTE_S, total
from projections.cards import card
from projections.leaderboard_reads import Point
from projections.leaderboards import Leaderboards
from projections.ranking import Ranking, Standing, rank_values, standing
from projections.reads import ProjectionPosition, TokenRow
from projections.windows import Window, span_at


def standings(
    recorded: Sequence[Recorded], ranking: Ranking, window: Window, at_s: int
) -> list[Standing]:
    """The plainest way there is: measure every token from all events, then sort."""
    changes = Leaderboards().apply(recorded)
    span = span_at(window, at_s)
    minutes = span.minutes()
    known = [start_s for start_s in changes.prices if start_s < span.to_s - MINUTE_S]
    sol_usd = float(changes.prices[max(known)].usd) if known else None
    found = []
    for mint, change in changes.tokens.items():
        traded = [
            bucket
            for (of, length_s, start_s), bucket in changes.buckets.items()
            if (of, length_s) == (mint, MINUTE_S) and start_s in minutes
        ]
        if traded:
            stands = standing(card(mint, change), total(traded), window, sol_usd)
            stands = msgspec.structs.replace(stands, sol_usd=sol_usd)
            if (value := rank_values(stands).get(ranking)) is not None:
                found.append((-value, mint, stands))
    return [stands for _, _, stands in sorted(found, key=lambda each: each[:2])]


class MemoryLeaderboards:
    """Fits `projections.leaderboard_reads.LeaderboardReads`."""

    def __init__(self, recorded: Sequence[Recorded] = ()) -> None:
        self._recorded = list(recorded)

    def apply(self, recorded: Sequence[Recorded]) -> None:
        """Take in events, each once, in any order."""
        self._recorded += recorded

    async def board(
        self, ranking: Ranking, window: Window, *, at_s: int, limit: int, offset: int = 0
    ) -> Sequence[Standing]:
        """The tokens of the window by descending value, then by mint."""
        return standings(self._recorded, ranking, window, at_s)[offset : offset + limit]

    async def snapshot(self, mint: str) -> TokenRow | None:
        """The token as it is now, None for a mint that the log does not know."""
        return (await self.snapshots([mint])).get(mint)

    async def snapshots(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The tokens as they are now, by mint."""
        changes = Leaderboards().apply(self._recorded).tokens
        return {mint: card(mint, changes[mint]) for mint in mints if mint in changes}

    async def position(self) -> ProjectionPosition | None:
        """How far the read model is; None before it has begun."""
        if not self._recorded:
            return None
        sequence = max(each.sequence for each in self._recorded)
        return ProjectionPosition(
            name=Leaderboards.name,
            version=Leaderboards.version,
            sequence=sequence,
            reread_after=sequence,
        )

    async def points(self, mint: str, *, at_s: int) -> Sequence[Point]:
        """The token's minutes of the last 24 hours, oldest first."""
        span = span_at("24h", at_s)
        buckets = Leaderboards().apply(self._recorded).buckets
        return [
            Point(
                start_s=start_s,
                price=bucket.last,
                volume_quote=bucket.volume_quote,
                buys=bucket.buys,
                sells=bucket.sells,
            )
            for (of, length_s, start_s), bucket in sorted(buckets.items(), key=lambda each: each[0])
            if of == mint and length_s == MINUTE_S and span.from_s <= start_s < span.to_s
        ]
