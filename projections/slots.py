"""The slots read model: which of the chain's slots are proven, and which are missing."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from domain.events import GapDetected, GapFilled, SlotAbandoned, SlotConfirmed
from domain.log import Recorded

DECISIONS = frozenset((SlotConfirmed, SlotAbandoned, GapDetected, GapFilled))


class Certificate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the log says last about a slot; all but its slot and sequence is None where it died.

    The fields are those of `domain.events.SlotConfirmed`.
    """

    slot: int
    sequence: int
    """Where the log says so."""
    abandoned: bool = False
    parent_slot: int | None = None
    blockhash: str | None = None
    parent_blockhash: str | None = None
    block_time_s: int | None = None
    executed: int | None = None
    ours: int | None = None
    failed: int | None = None
    decoded: int | None = None
    unknown: int | None = None
    first_sequence: int | None = None
    last_sequence: int | None = None
    transactions_digest: str | None = None
    events_digest: str | None = None
    evidence: str | None = None
    revision: int | None = None
    previous: str | None = None
    hash: str | None = None


class Gap(msgspec.Struct, kw_only=True, gc=False):
    """A stretch of slots, both ends in it, and where the log says that it is missing or filled."""

    from_slot: int
    to_slot: int
    detected_sequence: int | None = None
    reason: str | None = None
    filled_sequence: int | None = None


class Changes(msgspec.Struct, frozen=True):
    """Certificates by slot, and gaps by their ends."""

    certificates: dict[int, Certificate]
    gaps: dict[tuple[int, int], Gap]


class Slots:
    """From the log's decisions to what is proven."""

    name: ClassVar = "slots"
    version: ClassVar = 1
    without_mints: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says about slots."""
        changes = Changes({}, {})
        for recorded in batch:
            if type(recorded.event) in DECISIONS:
                _decided(changes, recorded)
        return changes


def merge(first: Changes, second: Changes) -> Changes:
    """What both say, in whichever order they came; leaves its arguments alone."""
    merged = Changes(dict(first.certificates), {})
    for certificate in second.certificates.values():
        _certified(merged, certificate)
    for changes in (first, second):
        for gap in changes.gaps.values():
            _missed(merged, msgspec.structs.replace(gap))
    return merged


def _decided(changes: Changes, recorded: Recorded) -> None:
    event, sequence = recorded.event, recorded.sequence
    match event:
        case SlotConfirmed():
            fields = {
                name: getattr(event, name)
                for name in Certificate.__struct_fields__
                if name not in {"sequence", "abandoned"}
            }
            _certified(changes, Certificate(sequence=sequence, **fields))
        case SlotAbandoned():
            _certified(changes, Certificate(slot=event.slot, sequence=sequence, abandoned=True))
        case GapDetected():
            _missed(
                changes,
                Gap(
                    from_slot=event.from_slot,
                    to_slot=event.to_slot,
                    detected_sequence=sequence,
                    reason=event.reason,
                ),
            )
        case GapFilled():
            _missed(
                changes,
                Gap(from_slot=event.from_slot, to_slot=event.to_slot, filled_sequence=sequence),
            )
        case _:
            pass


def _certified(changes: Changes, certificate: Certificate) -> None:
    there = changes.certificates.get(certificate.slot)
    if there is None or there.sequence < certificate.sequence:
        changes.certificates[certificate.slot] = certificate


def _missed(changes: Changes, gap: Gap) -> None:
    there = changes.gaps.setdefault((gap.from_slot, gap.to_slot), gap)
    if there is gap:
        return
    if (gap.detected_sequence or 0) > (there.detected_sequence or 0):
        there.detected_sequence, there.reason = gap.detected_sequence, gap.reason
    if (gap.filled_sequence or 0) > (there.filled_sequence or 0):
        there.filled_sequence = gap.filled_sequence
