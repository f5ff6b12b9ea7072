"""Facts about slots: which are proven, which died, and which are missing."""

from typing import ClassVar

from domain.chain import Evidence
from domain.events.base import Event


class SlotConfirmed(Event, frozen=True, kw_only=True, gc=False, tag="slot.confirmed"):
    """A slot's certificate: all of its block that concerns our programs is in the log.

    It covers the slot's events before it in the log, except those that a `slot.abandoned` took
    back. A later certificate of the same slot, with a higher `revision`, stands in its place.
    `domain.certificate` says how digests and hashes are computed.
    """

    subject_root: ClassVar = "pump.slot.confirmed"

    slot: int
    parent_slot: int
    """The slot of the block before it; those in between have no block."""
    blockhash: str
    parent_blockhash: str
    block_time_s: int | None = None
    executed: int
    """All transactions of the block, votes and strangers' too."""
    ours: int
    """Those that touch our programs, the failed ones as well where `failed` is known."""
    failed: int | None = None
    """Those of ours that failed; None where the source leaves them out."""
    decoded: int
    """Events of the slot in the log."""
    unknown: int
    """What of our programs became a dead letter instead of an event."""
    first_sequence: int | None = None
    """Lowest log sequence of the slot's events; None where it has none."""
    last_sequence: int | None = None
    transactions_digest: str
    """Over the signatures of ours that succeeded: the same for everyone who saw this block."""
    events_digest: str
    """Over the slot's events as the log holds them."""
    evidence: Evidence
    revision: int = 1
    previous: str | None = None
    """The hash of the certificate before it in the log; None in the log's first."""
    hash: str
    """Of this certificate, with everything above."""


class SlotAbandoned(Event, frozen=True, kw_only=True, gc=False, tag="slot.abandoned"):
    """All events of the slot that stand before this one in the log are taken back.

    The slot died with its fork, or what was appended of it is not what was confirmed; then what
    is right follows in the log.
    """

    subject_root: ClassVar = "pump.slot.abandoned"

    slot: int
    attempt: int
    """How often the slot's events have been taken back, this time included."""
    retracted: int
    """How many events of the slot this one takes back."""
    reason: str


class GapDetected(Event, frozen=True, kw_only=True, gc=False, tag="gap.detected"):
    """Slots that could not be proven when the slots after them were; they are tried again."""

    subject_root: ClassVar = "pump.gap.detected"

    from_slot: int
    to_slot: int
    """The last slot of the gap, itself included."""
    reason: str
    parent_blockhash: str | None = None
    """The hash of the last block before the gap, in slot `from_slot - 1`."""
    blockhash: str | None = None
    """The hash of the block in `to_slot`, as its child names it."""


class GapFilled(Event, frozen=True, kw_only=True, gc=False, tag="gap.filled"):
    """Slots of a gap that are proven now: each block has its certificate before this."""

    subject_root: ClassVar = "pump.gap.filled"

    from_slot: int
    to_slot: int
    parent_blockhash: str
    blockhash: str
    """As in `gap.detected`; so it can be seen where what is left of the gap begins."""
