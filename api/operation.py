"""What each resource declares about itself, once: routing, checking and OpenAPI all read this."""

import re
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from api.problems import Kind

P_contra = TypeVar("P_contra", bound=msgspec.Struct, contravariant=True)

_IN_PATH = re.compile(r"{(\w+)}")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A GET: where it is, what it takes and what it answers."""

    name: str
    """Its name in generated clients."""
    path: str
    """Parameters of the path are in braces and are fields of `parameters` too."""
    tag: str
    summary: str
    description: str
    parameters: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    problems: tuple[Kind, ...] = ()
    """Those beyond what every operation may answer."""
    read_models: tuple[str, ...] = ()
    """Whose positions date the answer; without any it is not dated and never cached."""
    next_parameter: str | None = None
    """For lists: the parameter that takes the `next` of the answer."""

    @property
    def in_path(self) -> frozenset[str]:
        """The names of the path's parameters."""
        return frozenset(_IN_PATH.findall(self.path))


class Resource(Protocol[P_contra]):
    """Answers one operation; knows nothing of HTTP beyond the problems that it raises."""

    operation: ClassVar[Operation]

    async def answer(self, asked: P_contra) -> msgspec.Struct:
        """The answer, or `ProblemError` or `ReadsUnavailableError`."""
        ...


AnyResource = Resource[Any]
