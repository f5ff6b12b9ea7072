"""What can be wrong with an endpoint, declared: each way in which sources have lost data.

Moments are counted in blocks of the chain that live: `at=10` is when the tenth one is out. A fault
with `times` happens that often, with None for ever.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Code: TypeAlias = Literal[
    "UNAVAILABLE",
    "INTERNAL",
    "DATA_LOSS",
    "INVALID_ARGUMENT",
    "UNIMPLEMENTED",
    "PERMISSION_DENIED",
]
"""The names of gRPC's statuses that endpoints end streams with."""

LAGGED = "lagged to send an update"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with one endpoint."""


class Lasting(Fault, frozen=True, kw_only=True):
    """A fault that begins and ends."""

    at: int = 0
    steps: int = 10**9

    def during(self, now: int) -> bool:
        """Whether it is so now."""
        return self.at <= now < self.at + self.steps


class Disconnect(Fault, frozen=True, kw_only=True):
    """All streams are ended once."""

    at: int
    code: Code = "UNAVAILABLE"
    details: str = "the node is restarted"


class Down(Lasting, frozen=True, kw_only=True):
    """The port is closed, and later open again."""


class Silence(Lasting, frozen=True, kw_only=True):
    """Streams stay open and carry nothing; `GetSlot` goes on.

    A stream that has fallen silent stays so; only one that is opened afterwards speaks.
    """


class Slow(Lasting, frozen=True, kw_only=True):
    """Each update waits."""

    delay_s: float


class TokenRefused(Lasting, frozen=True, kw_only=True):
    """Streams are cut, and the client's token is not accepted."""


class Malformed(Fault, frozen=True, kw_only=True):
    """Updates become bytes that are no update."""

    at: int
    times: int | None = 1


class Duplicates(Fault, frozen=True, kw_only=True):
    """A share of all updates is sent twice."""

    share: float = 1.0


class Reordered(Fault, frozen=True, kw_only=True):
    """A slot's transactions come in any order at `processed`."""


class TransactionsMissing(Fault, frozen=True, kw_only=True):
    """A share of the transactions at `processed` never comes."""

    share: float


class TransactionsLate(Fault, frozen=True, kw_only=True):
    """A share of the single transactions comes `steps` blocks after their block's meta."""

    share: float
    steps: int = 1


class MetaFirst(Fault, frozen=True, kw_only=True):
    """A block's meta comes before its transactions."""


class BlocksOutOfOrder(Fault, frozen=True, kw_only=True):
    """A settled block comes up to `by` places late, after blocks that follow it."""

    by: int = 2


class BlocksLag(Fault, frozen=True, kw_only=True):
    """Whole blocks fall behind all else: from `at` on by one more place every `every` blocks."""

    at: int = 0
    every: int = 2
    lag_max: int = 20


class BlockMissing(Fault, frozen=True, kw_only=True):
    """A settled block does not come, nor its meta, nor its transactions."""

    slot: int
    times: int | None = None


class BlockIncomplete(Fault, frozen=True, kw_only=True):
    """A settled block comes without a share of its transactions, at least one."""

    slot: int
    share: float = 0.5
    times: int | None = None


class BlocksRefused(Fault, frozen=True, kw_only=True):
    """Whole blocks may not be subscribed to."""

    code: Code = "INVALID_ARGUMENT"
    details: str = "failed to create filter: blocks subscription is not allowed"


class ReplayIgnored(Fault, frozen=True, kw_only=True):
    """`from_slot` is accepted, and the stream starts at the head."""

    times: int | None = None


class ReplayRefused(Fault, frozen=True, kw_only=True):
    """`from_slot` is always too old, whatever it says."""

    times: int | None = None


class ReplayAhead(Fault, frozen=True, kw_only=True):
    """The stream starts `by` slots after `from_slot`: someone else moved the cursor."""

    by: int
    times: int | None = None


class Forked(Lasting, frozen=True, kw_only=True):
    """The endpoint is on a fork of its own, and takes its blocks there for confirmed."""


class OtherNetwork(Fault, frozen=True, kw_only=True):
    """The endpoint serves another chain altogether."""

    seed: int = 99


LIES = (Forked, BlockIncomplete, OtherNetwork)
"""Faults by which an endpoint says what is not so, which it takes others to notice."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Which faults each endpoint has, and what can be known in spite of them."""

    seed: int
    endpoints: Sequence[Sequence[Fault]]
    node: bool = True
    """Whether there is a JSON-RPC node that has every block but the unobtainable ones."""
    unobtainable: frozenset[int] = frozenset()
    """Slots whose block nobody gives: these have to end as a recorded gap."""

    @property
    def liars(self) -> frozenset[int]:
        """The endpoints, by index, that say what is not so."""
        return frozenset(
            place
            for place, faults in enumerate(self.endpoints)
            if any(isinstance(fault, LIES) for fault in faults)
        )
