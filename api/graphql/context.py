"""What the resolvers of one request share."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from graphql import FieldNode, GraphQLResolveInfo, SelectionSetNode

from api.edition import Edition, edition_of, state_of
from api.graphql.loaders import Loaders
from api.operation import Operation
from projections.batch_reads import GraphReads
from projections.labels import Thresholds
from projections.leaderboard_reads import LeaderboardReads
from projections.reads import ProjectionPosition
from projections.slot_reads import NewestSlot


class Context:
    """The read models, the loaders over them, and which of them an answer is made from."""

    def __init__(
        self,
        reads: GraphReads,
        thresholds: Thresholds,
        held: Mapping[str, ProjectionPosition],
        leaderboards: LeaderboardReads,
        newest: NewestSlot | None = None,
    ) -> None:
        """`held` and `newest`, the last certified slot, are from before anything was read."""
        self.reads = reads
        self.thresholds = thresholds
        self.held = held
        self.leaderboards = leaderboards
        self.newest = newest
        self.loaders = Loaders(reads, thresholds)
        self._used: set[str] = set()
        self._of_moment = False
        self._asked: frozenset[str] | None = None

    def use(self, *read_models: str) -> None:
        """Note that the answer is made from these."""
        self._used.update(read_models)

    def use_of(self, operation: Operation) -> None:
        """Note that the answer is made from what REST's operation is made from."""
        self._used.update(operation.read_models)

    def use_moment(self) -> None:
        """Note that the answer tells more of this moment than what its read models hold."""
        self._of_moment = True

    def asks_for(self, field: str, info: "Info") -> bool:
        """Whether the request has a field of this name anywhere, whatever it is called there."""
        if self._asked is None:
            roots = (info.operation, *info.fragments.values())
            self._asked = frozenset(name for it in roots for name in _fields(it.selection_set))
        return field in self._asked

    @property
    def edition(self) -> Edition | None:
        """What all of the answer is from; None where nothing dates all of it."""
        if self._of_moment or not self._used:
            return None
        return edition_of((state_of(self.held, name) for name in sorted(self._used)), self.newest)

    @property
    def position(self) -> int | None:
        """The log sequence up to which the answer holds everything; None where it has no rows."""
        places = (self.held[name].sequence if name in self.held else 0 for name in self._used)
        return min(places, default=None)


def _fields(of: SelectionSetNode | None) -> Iterator[str]:
    for each in () if of is None else of.selections:
        if isinstance(each, FieldNode):
            yield each.name.value
        yield from _fields(getattr(each, "selection_set", None))


Info: TypeAlias = "GraphQLResolveInfo[Context]"
"""What resolvers are given."""
