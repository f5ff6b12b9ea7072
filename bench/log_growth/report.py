"""The figures of each size, and the one line that says what the size does."""

import statistics
from collections.abc import Sequence

import msgspec

from adapters.jetstream.batch import BATCH_ENTRIES_MAX
from bench.log_growth.history import MINTS
from bench.log_growth.log import Cost
from bench.result import Result


class Costs(msgspec.Struct):
    """What each round cost, on the log that grows and on the one beside it."""

    grown: list[Cost] = []
    first: list[Cost] = []

    def ratios(self, *parts: str) -> list[float]:
        """Round by round, the grown log's cost in terms of the other's."""
        return [
            sum(mine[part] for part in parts) / sum(other[part] for part in parts)
            for mine, other in zip(self.grown, self.first, strict=True)
        ]

    @property
    def ratio(self) -> float:
        """The median of the rounds' own, by the clock."""
        return round(statistics.median(self.ratios("clock")), 2)

    def shown(self) -> dict[str, object]:
        """Medians in microseconds an event, and ratios."""
        by_clock = self.ratios("clock")
        return {
            "us": _median(self.grown, "clock"),
            "first_us": _median(self.first, "clock"),
            "ratio": self.ratio,
            "ratio_min": round(min(by_clock), 2),
            "ratio_max": round(max(by_clock), 2),
            "cpu_us": _cpu(self.grown),
            "first_cpu_us": _cpu(self.first),
            "cpu_ratio": round(statistics.median(self.ratios("process", "server")), 2),
        }


class Measured(msgspec.Struct, kw_only=True):
    """What was found at one size."""

    events: int
    subjects: int
    log_bytes: int
    append: Costs
    replay: Costs
    growth: Cost
    """Mean cost of an event appended on the way to this size."""
    rss_growing: dict[str, int]
    """The most memory that each process had on the way."""
    rss: dict[str, int]
    rss_first: dict[str, int]

    def shown(self) -> dict[str, object]:
        """All of it, to be read by others."""
        return {
            "events": self.events,
            "subjects": self.subjects,
            "log_gb": round(self.log_bytes / 1e9, 2),
            "append": self.append.shown(),
            "replay": self.replay.shown(),
            "growth_us": {part: round(us, 1) for part, us in self.growth.items()},
            "rss_mb": _megabytes(self.rss),
            "rss_mb_first": _megabytes(self.rss_first),
            "rss_mb_growing": _megabytes(self.rss_growing),
        }


def result(found: Sequence[Measured], *, rounds: int, described: dict[str, object]) -> Result:
    """The largest size beside the first one, and all of them."""
    first, last = found[0], found[-1]
    return Result(
        name="log-growth",
        value=_median(last.append.grown, "clock"),
        unit=f"us an event appended to {last.events:,}, {BATCH_ENTRIES_MAX:,} at a time",
        peer=f"the same log at {first.events:,} events, in the same rounds",
        peer_value=_median(last.append.first, "clock"),
        ratio=last.append.ratio,
        details={
            "replay_value": _median(last.replay.grown, "clock"),
            "replay_unit": "us an event replayed",
            "replay_peer_value": _median(last.replay.first, "clock"),
            "replay_ratio": last.replay.ratio,
            "append_ratio_greatest": max(each.append.ratio for each in found),
            "replay_ratio_greatest": max(each.replay.ratio for each in found),
            "rounds": rounds,
            "sizes": [each.shown() for each in found],
            "clock": "time by the clock; medians of the rounds, and of their own ratios",
            "input": described | {"mints": MINTS},
        },
    )


def _median(costs: Sequence[Cost], part: str) -> float:
    return round(statistics.median(each[part] for each in costs), 1)


def _cpu(costs: Sequence[Cost]) -> dict[str, float]:
    return {part: _median(costs, part) for part in ("process", "server")}


def _megabytes(rss_bytes: dict[str, int]) -> dict[str, int]:
    return {who: round(rss / 1e6) for who, rss in rss_bytes.items()}
