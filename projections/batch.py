"""Events that several cores are given, and what each is as a trade, found out once for all."""

from collections.abc import Iterable, Sequence
from itertools import chain

from domain.log import Recorded
from projections.price import Fill, fill


class Batch(list[Recorded]):
    """Events in the order in which they are to be applied; not changed once it is made.

    Whoever makes another list of them loses nothing but the time to find out again what is known.
    """

    __slots__ = ("_fills", "_parts")

    def __init__(self, events: Iterable[Recorded]) -> None:
        super().__init__(events)
        self._fills: list[Fill | None] | None = None
        self._parts: Sequence[Sequence[Recorded]] = ()

    @classmethod
    def joined(cls, parts: Sequence[Sequence[Recorded]]) -> "Batch":
        """One behind the other; what is known of the parts is known of the whole."""
        batch = cls(chain.from_iterable(parts))
        batch._parts = parts
        return batch

    @property
    def fills(self) -> Sequence[Fill | None]:
        """See `fills`."""
        if self._fills is None:
            if self._parts:
                self._fills = list(chain.from_iterable(map(fills, self._parts)))
                self._parts = ()
            else:
                self._fills = [fill(recorded.event) for recorded in self]
        return self._fills


def fills(batch: Sequence[Recorded]) -> Sequence[Fill | None]:
    """What `price.fill` makes of each event of a batch, in the same order."""
    if isinstance(batch, Batch):
        return batch.fills
    return [fill(recorded.event) for recorded in batch]
