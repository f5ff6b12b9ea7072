"""Which slots are proven: one slot's certificate, and what a range adds up to."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.operation import Operation
from api.problems import PARAMETER_INVALID, ProblemError
from api.representations import Count, Time
from domain.position import LAST_SLOT
from projections.feed_reads import QueryReads
from projections.slot_reads import Bounds, SlotState, Stretch, open_gaps, state_of
from projections.slots import Certificate as CertificateRow

SLOTS_MAX = 216_000
"""About a day; so many certificates are added up in a blink."""
SLOTS_DEFAULT = 9_000
Slot = Annotated[int, Meta(ge=0, le=LAST_SLOT)]
Hash = Annotated[str, Meta(description="SHA-256, hexadecimal.")]


class Certificate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A slot's `slot.confirmed` as the log holds it; docs/events.md says what each field counts."""

    slot: Slot
    position: Annotated[int, Meta(ge=1, description="Where the log holds it: its sequence.")]
    revision: Annotated[
        int, Meta(ge=1, description="From 2 on it stands in the place of an earlier one.")
    ]
    parent_slot: Slot
    blockhash: str
    parent_blockhash: str
    time: Annotated[int | None, Meta(description="The block's own time, in Unix seconds.")]
    executed: Annotated[int, Meta(ge=0, description="All transactions of the block.")]
    ours: Annotated[int, Meta(ge=0, description="Those that touch the programs that are read.")]
    failed: Annotated[
        int | None, Meta(description="Those of ours that failed; null where no source tells.")
    ]
    decoded: Annotated[int, Meta(ge=0, description="Events of the slot in the log.")]
    unknown: Annotated[int, Meta(ge=0, description="Dead letters of the slot.")]
    first_position: int | None
    last_position: int | None
    transactions_digest: Hash
    events_digest: Hash
    evidence: str
    previous_hash: Annotated[
        str | None, Meta(description="Of the certificate before it; null in the log's first.")
    ]
    hash: Annotated[str, Meta(description="Of this certificate, with everything above.")]


class SlotAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a slot."""

    slot: Slot
    state: Annotated[
        SlotState | Literal["unknown"],
        Meta(
            description="`certified`: all of its block that concerns the programs is in the log; "
            "`no_block`: its neighbours' certificates say that it has none; `missing`: it is part "
            "of a gap that is tried again; `abandoned`: what was appended of it died with its "
            "fork; `not_final`: behind the last certificate; `before_log`: before the first; "
            "`unknown`: the log has no certificate."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it is missing.")]
    certificate: Certificate | None


class MissingSlots(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Slots of an open gap, both ends among them."""

    from_slot: Slot
    to_slot: Slot
    reason: str | None


class ChainHead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The last certificate in the log: its hash stands for all before it."""

    slot: Slot
    position: int
    hash: str


class Completeness(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is proven of a range of slots, both ends in it."""

    state: Annotated[
        Literal["complete", "incomplete", "not_final", "unknown"],
        Meta(
            description="`complete`: every slot has its certificate or no block; `incomplete`: "
            "slots are missing, or the range begins before the log; `not_final`: what there is is "
            "complete, but the range ends behind the last certificate; `unknown`: the log has no "
            "certificate."
        ),
    ]
    from_slot: Slot
    to_slot: Slot
    missing: list[MissingSlots]
    missing_slots: Count
    blocks: Annotated[int, Meta(ge=0, description="Slots with a certificate.")]
    executed: Count
    ours: Count
    decoded: Annotated[int, Meta(ge=0, description="Events of the chain in the log.")]
    unknown: Annotated[int, Meta(ge=0, description="Dead letters.")]
    first_slot: Annotated[Slot | None, Meta(description="The first that has a certificate.")]
    final_slot: Annotated[Slot | None, Meta(description="The last that has one.")]
    final_time: Annotated[Time | None, Meta(description="The time of that block.")]
    head: ChainHead | None


class SlotParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which slot."""

    slot: Annotated[int, Meta(ge=0, le=LAST_SLOT, description="The slot.", examples=[461_400_010])]


class CompletenessParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Which range of slots."""

    from_slot: Annotated[
        Annotated[int, Meta(ge=0, le=LAST_SLOT)] | UnsetType,
        Meta(
            description="The first slot. Without it, about an hour before `toSlot`, but not before "
            "the log."
        ),
    ] = UNSET
    to_slot: Annotated[
        Annotated[int, Meta(ge=0, le=LAST_SLOT)] | UnsetType,
        Meta(
            description="The last slot, at most 216,000 behind the first. Without it, the last one "
            "with a certificate."
        ),
    ] = UNSET


class SlotResource:
    """One slot."""

    operation: ClassVar = Operation(
        name="getSlot",
        path="/api/v1/slots/{slot}",
        tag="proof",
        summary="A slot's certificate, or why it has none",
        description="Certificates are chained by their hashes and can be computed again from the "
        "log: whoever has one can show later that nothing before it was changed.",
        parameters=SlotParameters,
        answer=SlotAnswer,
        read_models=("slots",),
    )

    def __init__(self, reads: QueryReads) -> None:
        self._reads = reads

    async def answer(self, asked: SlotParameters) -> SlotAnswer:
        """The slot, whether it is proven or not."""
        row = await self._reads.slot(asked.slot)
        if row is None:
            return SlotAnswer(slot=asked.slot, state="unknown", reason=None, certificate=None)
        missing = open_gaps(row.gaps, Stretch(asked.slot, asked.slot))
        return SlotAnswer(
            slot=asked.slot,
            state=state_of(asked.slot, row),
            reason=missing[0].reason if missing else None,
            certificate=certificate(row.certificate),
        )


class CompletenessResource:
    """A range of slots."""

    operation: ClassVar = Operation(
        name="getCompleteness",
        path="/api/v1/completeness",
        tag="proof",
        summary="Whether a range of slots is complete, with counts and the hash chain's head",
        description='Tells "nothing happened" from "not ingested": in a complete range every '
        "slot has a certificate, or its neighbours' certificates say that it has no block.",
        parameters=CompletenessParameters,
        answer=Completeness,
        read_models=("slots",),
    )

    def __init__(self, reads: QueryReads) -> None:
        self._reads = reads

    async def answer(self, asked: CompletenessParameters) -> Completeness:
        """The range, or the problem that it is none."""
        bounds = await self._reads.bounds()
        within = _range(asked, bounds)
        row = await self._reads.slot_range(within.from_slot, within.to_slot)
        if row is None:
            return _unknown(within)
        missing = open_gaps(row.gaps, within)
        slots = sum(it.stretch.to_slot - it.stretch.from_slot + 1 for it in missing)
        first, final, head = row.bounds.first, row.bounds.final, row.bounds.head
        state: Literal["complete", "incomplete", "not_final"] = "complete"
        if missing or within.from_slot < first.slot:
            state = "incomplete"
        elif within.to_slot > final.slot:
            state = "not_final"
        return Completeness(
            state=state,
            from_slot=within.from_slot,
            to_slot=within.to_slot,
            missing=[
                MissingSlots(
                    from_slot=it.stretch.from_slot, to_slot=it.stretch.to_slot, reason=it.reason
                )
                for it in missing
            ],
            missing_slots=slots,
            blocks=row.blocks,
            executed=row.executed,
            ours=row.ours,
            decoded=row.decoded,
            unknown=row.unknown,
            first_slot=first.slot,
            final_slot=final.slot,
            final_time=final.block_time_s,
            head=ChainHead(slot=head.slot, position=head.sequence, hash=head.hash or ""),
        )


def certificate(row: CertificateRow | None) -> Certificate | None:
    """A certificate as it is told; None where the slot died."""
    if row is None or row.abandoned:
        return None
    told = (name for name in Certificate.__struct_fields__ if hasattr(row, name))
    return Certificate(
        position=row.sequence,
        time=row.block_time_s,
        first_position=row.first_sequence,
        last_position=row.last_sequence,
        previous_hash=row.previous,
        **{name: getattr(row, name) for name in told},
    )


def _range(asked: CompletenessParameters, bounds: Bounds | None) -> Stretch:
    first, final = (0, 0) if bounds is None else (bounds.first.slot, bounds.final.slot)
    if asked.to_slot is not UNSET:
        to_slot = asked.to_slot
    elif asked.from_slot is not UNSET:
        to_slot = min(max(final, asked.from_slot), asked.from_slot + SLOTS_MAX)
    else:
        to_slot = final
    from_slot = asked.from_slot
    if from_slot is UNSET:
        from_slot = max(0, min(to_slot, max(first, to_slot - SLOTS_DEFAULT)))
    if from_slot > to_slot:
        raise ProblemError(
            PARAMETER_INVALID,
            f"fromSlot was {from_slot}, after toSlot, {to_slot}; exchange them",
            parameter="fromSlot",
        )
    if to_slot - from_slot > SLOTS_MAX:
        raise ProblemError(
            PARAMETER_INVALID,
            f"fromSlot was {to_slot - from_slot} slots before toSlot, at most {SLOTS_MAX} are "
            "added up; ask for parts",
            parameter="fromSlot",
        )
    return Stretch(from_slot, to_slot)


def _unknown(within: Stretch) -> Completeness:
    return Completeness(
        state="unknown",
        from_slot=within.from_slot,
        to_slot=within.to_slot,
        missing=[],
        missing_slots=0,
        blocks=0,
        executed=0,
        ours=0,
        decoded=0,
        unknown=0,
        first_slot=None,
        final_slot=None,
        final_time=None,
        head=None,
    )
