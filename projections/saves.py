"""How long a read model's saves take, counted so that a histogram can be made of it."""

from bisect import bisect_left

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper ends; what takes longer than the last is counted beyond."""


class Saves:
    """Counts saves by how long they took; they include waiting for a store that is away."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.seconds = 0.0
        """What all took together."""

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.seconds += seconds

    @property
    def counts(self) -> tuple[int, ...]:
        """How many, by bucket, those beyond the last one at the end."""
        return tuple(self._counts)
