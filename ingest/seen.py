"""Which ids were appended lately, within a fixed amount of memory."""

from collections.abc import Iterable


class Seen:
    """The last ids added: at least `capacity`, at most twice as many.

    Two generations of ids take turns, so that forgetting costs nothing per id.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._young or id_ in self._old

    def __len__(self) -> int:
        return len(self._young | self._old)

    def add(self, id_: str) -> None:
        """Remember an id."""
        self._young.add(id_)
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, set()

    def update(self, ids: Iterable[str]) -> None:
        """Remember ids in the order in which they were appended."""
        for id_ in ids:
            self.add(id_)
