"""What an audit of slots and their certificates can say."""

from typing import Literal, TypeAlias

import msgspec

from projections.audit.spans import Span

Verdict: TypeAlias = Literal["complete", "incomplete", "damaged"]


class Problem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Something in the log that contradicts itself."""

    sequence: int
    slot: int | None
    what: str


class SlotReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the walk found."""

    verdict: Verdict
    first_sequence: int | None
    last_sequence: int | None
    events: int
    """Events of the chain, in slots from the first one asked for on."""
    certificates: int
    revisions: int
    """Those among them that replaced an earlier one of the same slot."""
    slots: int
    """Slots with a certificate, so with a block."""
    first_slot: int | None
    last_slot: int | None
    executed: int
    """Transactions in these blocks, votes and strangers' too."""
    ours: int
    failed: int
    unknown: int
    """What of our programs is a dead letter instead of an event."""
    digests_checked: int
    """Certificates whose events were counted and hashed again."""
    transactions_checked: int
    """Certificates whose transactions could be checked too: each of them has an event."""
    retracted: int
    """Events that were taken back."""
    gaps: tuple[Span, ...]
    """Slots that the log itself says are not proven, and that are not filled."""
    holes: tuple[Span, ...]
    """Slots between certificates that have none, though no gap is recorded."""
    not_final: int
    """Events behind the last certified slot, whose slot is still undecided."""
    undecided: int
    """Events in slots that later certificates have passed, without one of their own."""
    before_certificates: int
    """Events in slots before the first certificate, which nothing proves."""
    revoked: tuple[int, ...]
    """Slots whose events were taken back after their certificate, without another one since."""
    not_checked: int
    """Certificates whose events are too far behind to be hashed again in one walk."""
    problem_count: int
    problems: tuple[Problem, ...]
    head: str | None
    """The hash of the last certificate: it fixes everything that the certificates cover."""
