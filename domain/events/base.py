"""What every event has: an identity, a place in the chain's order, a subject in the log."""

from typing import ClassVar, Literal, TypeAlias

import msgspec

from domain.position import Position

Side: TypeAlias = Literal["buy", "sell"]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", omit_defaults=True
):
    """A fact. A wrong one is corrected by a later one, never edited.

    `id` is its place and so its identity: the log holds each id once. `pos` is the place in the
    chain's order.
    """

    id: str
    pos: Position
    received_at_ns: int
    """When we first had it, in nanoseconds since 1970 on our clock."""
    provisional: bool = False
    """Whether it counts only once its slot is proven: `slot.confirmed` behind it in the log says
    that it happened, `slot.abandoned` that it did not. False in logs from before certificates."""

    subject_root: ClassVar[str]

    @property
    def kind(self) -> str:
        """The event's name and version on the wire, as in `curve.traded`."""
        tag = self.__struct_config__.tag
        assert isinstance(tag, str), "every event has a text tag"
        return tag

    @property
    def subject(self) -> str:
        """The subject that the event is logged under."""
        return self.subject_root


class ProgramEvent(Event, frozen=True, kw_only=True, gc=False):
    """A fact that a program of ours emitted inside a landed, successful transaction.

    `id` is `<signature>:<outer>.<inner>`, with the indexes of the instruction that emitted it.
    """

    block_time_s: int
    """The block's own time, in seconds since 1970."""
    signer: str
    """The transaction's fee payer."""
    compute_units: int | None = None
    priority_fee_lamports: int | None = None
    layout: str
    """The version of the program's own event layout, as in `T9`."""
    tail: str | None = None
    """Bytes behind the longest layout that we know, in hexadecimal."""

    @property
    def signature(self) -> str:
        """The signature of the transaction that the event comes from, in base58."""
        return self.id.partition(":")[0]


class MintEvent(ProgramEvent, frozen=True, kw_only=True, gc=False):
    """A program's event about one token."""

    mint: str

    @property
    def subject(self) -> str:
        """The subject that the event is logged under, ending in the token's mint."""
        return f"{self.subject_root}.{self.mint}"
