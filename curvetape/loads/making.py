"""What makes a read model's rows of the archive's segments, and where they go."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from adapters.archive.segment import Content
from adapters.postgres.table_load import TableLoad

T = TypeVar("T")


class Making(Protocol):
    """Makes a read model's rows of segments, one after the other."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Any:
        """What a segment has for it; of several segments at once, from threads of their own."""
        ...

    def made(self, read: Any) -> Any:
        """A segment's rows, or those that are whole by now; of one after the other."""
        ...

    def rest(self) -> Any:
        """What has not been handed out, once there are no more segments."""
        ...


class Alone(Generic[T]):
    """What a segment has is sent as it is, whatever the others have."""

    def made(self, read: T) -> T:
        """The same."""
        return read


class ColumnLoad(msgspec.Struct, frozen=True):
    """How one read model is filled by columns."""

    into: type[TableLoad[Any]]
    """Writes rows to its tables."""
    making: Callable[[], Making]
    """Makes rows, anew for each load."""
