"""A read model of a part of the log: of one token, or up to a slot of the past."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from domain.log import Recorded
from projections.projection import Projection

C = TypeVar("C")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; what is None leaves none out."""

    until_slot: int | None = None
    mint: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.until_slot is None and self.mint is None

    def holds(self, recorded: Recorded) -> bool:
        """Whether an event is of the part; what is of no token is of every token's part."""
        event = recorded.event
        if self.until_slot is not None and event.pos.slot > self.until_slot:
            return False
        return self.mint is None or getattr(event, "mint", self.mint) == self.mint


class Narrowed(Generic[C]):
    """A core that is given a part of what another one would be."""

    def __init__(self, core: Projection[C], part: Part) -> None:
        self._core = core
        self._part = part
        self.name = core.name
        self.version = core.version

    def apply(self, batch: Sequence[Recorded]) -> C:
        """What the part of a batch changes."""
        return self._core.apply([each for each in batch if self._part.holds(each)])
