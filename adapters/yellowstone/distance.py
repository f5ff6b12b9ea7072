"""How far a source is behind its endpoint, and what follows from that."""

from adapters.yellowstone.limits import Limits


class Distance:
    """Whether a source catches up, and whether it lags; pure, told of everything."""

    def __init__(self, limits: Limits, *, slot: int | None, newest: int | None) -> None:
        """`slot` is what has been read when it begins, `newest` what the endpoint has.

        None for either where it is not known; then the source counts as near.
        """
        self._limits = limits
        self.slot = slot
        self.newest = newest
        self.catching_up = False
        self._lag: tuple[float, int] | None = None
        self._judge()

    @property
    def behind(self) -> int:
        """Slots between what was read and the newest; 0 as long as either is unknown."""
        if self.slot is None or self.newest is None:
            return 0
        return max(0, self.newest - self.slot)

    def read(self, slot: int) -> None:
        """A confirmed block of this slot was read."""
        self.slot = slot if self.slot is None else max(self.slot, slot)
        self.known(slot)

    def known(self, slot: int) -> None:
        """The endpoint has this slot."""
        self.newest = slot if self.newest is None else max(self.newest, slot)
        self._judge()

    def _judge(self) -> None:
        """Far is further than near, so that a source between the two does not waver."""
        limit = self._limits.live_slots if self.catching_up else self._limits.catch_up_slots
        self.catching_up = self.behind > limit

    def lags(self, *, now_s: float, idle: bool) -> bool:
        """Whether the stream is too slow; `idle` says that all it brought has been read.

        To be asked again and again, at a steady clock's `now_s`.
        """
        behind, limits = self.behind, self._limits
        if not idle or behind <= limits.lag_slots_max:
            self._lag = None
            return False
        if self._lag is None or behind < self._lag[1]:
            self._lag = (now_s, behind)
        since_s, least = self._lag
        return now_s - since_s >= limits.lag_watch_s and behind - least >= limits.lag_growth_slots
