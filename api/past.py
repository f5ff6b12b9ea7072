"""Questions about the past: which slot is the last that counts, and whether it can still change."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from api.completeness import complete_between, ended
from api.parameters import TIME_S_MAX, seconds
from api.problems import NOT_YET, PARAMETER_INVALID, PAST_NOT_KEPT, ProblemError
from domain.position import LAST_INNER, LAST_OUTER, LAST_SLOT, LAST_TX, Position
from projections.feed_reads import QueryReads
from projections.reads import CandleRow, ProjectionPosition, TokenRow
from projections.slot_reads import Stretch, covered
from projections.slots import Certificate

RETRY_AFTER_S = 1
AS_OF = "^([0-9]{1,10}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2}))$"


class Last(msgspec.Struct, frozen=True):
    """The last slot that counts."""

    slot: int
    stands: bool
    """Whether the same `asOf` stands for this slot later, too: a time does once a later block is
    certified and no slot between the two is missing."""


async def last_slot(reads: QueryReads, as_of: str) -> Last:
    """The slot that is named, or the last certified one up to a time.

    Problems: the text is neither, no slot up to that time is certified, or the slot is not yet, as
    one that was meant to be a time in Unix seconds.
    """
    if as_of.isdigit():
        slot, newest = int(as_of), await reads.newest_slot()
        if newest is not None and slot > newest.slot:
            raise ProblemError(
                PAST_NOT_KEPT,
                f"asOf was {as_of}, behind the last certified slot, {newest.slot}; a time is "
                "written as in 2026-09-01T12:00:00Z",
                parameter="asOf",
            )
        return Last(min(slot, LAST_SLOT), stands=True)
    try:
        time_s = seconds(datetime.fromisoformat(as_of))
    except ValueError as error:
        raise ProblemError(
            PARAMETER_INVALID,
            f"asOf was {as_of!r}: it has to be a slot or an RFC 3339 time",
            parameter="asOf",
        ) from error
    end_s = time_s + 1
    # Before the slot is asked for: one that is certified in between makes an older one stand.
    stands = await ended(reads, end_s) and bool(
        await covered(reads, await reads.slots_around(end_s, end_s))
    )
    within = await reads.slots_around(end_s, end_s)
    if within is None or within.from_slot == 0:
        raise ProblemError(
            PAST_NOT_KEPT,
            f"asOf was {as_of}; the log has no certified slot up to then, so give a slot",
            parameter="asOf",
        )
    return Last(within.from_slot, stands)


def end_of(slot: int) -> int:
    """The last position that a slot can have, as `Position.order_key`."""
    return Position(slot, LAST_TX, LAST_OUTER, LAST_INNER).order_key


async def end_s_of(reads: QueryReads, slot: int) -> int:
    """The first second that no event up to a slot can be of; the end of time where not known."""
    until = await reads.certified_until(slot)
    return TIME_S_MAX if until is None or until.block_time_s is None else until.block_time_s + 1


class Reached(msgspec.Struct, frozen=True):
    """How far each read model is, by name, and which of them set aside what it could not apply."""

    positions: Mapping[str, ProjectionPosition]
    set_aside: frozenset[str]


NOWHERE = Reached({}, frozenset())


async def reached(reads: QueryReads, mint: str) -> Reached:
    """How far read models are with a token.

    To be asked before rows are read: these may be newer than it then, but never older. What is set
    aside is so before a position passes it, and may be applied at any time, so it is asked for
    between the two.
    """
    positions = {it.name: it for it in await reads.positions()}
    return Reached(positions, frozenset(await reads.set_aside(mint)))


async def has_all(
    reads: QueryReads,
    at: Reached,
    read_models: Sequence[str],
    until: Certificate | None,
    launch_pos: int | None,
) -> bool:
    """Whether read models that had `reached` so far hold all from a launch to a certified slot.

    That includes what came late, to fill gaps, and what was set aside. For what is told to be
    complete, the certificate is to be asked for after that is known: who fills the last gap makes
    newer ones.
    """
    if not at.set_aside.isdisjoint(read_models):
        return False
    return await _have_passed(reads, at, read_models, until, launch_pos)


async def _have_passed(
    reads: QueryReads,
    at: Reached,
    read_models: Sequence[str],
    until: Certificate | None,
    launch_pos: int | None,
) -> bool:
    if until is None:
        return False
    first = 0 if launch_pos is None else Position.from_order_key(launch_pos).slot
    gaps = await reads.gaps(Stretch(min(first, until.slot), until.slot))
    needed = max([until.sequence, *(it.filled_sequence or 0 for it in gaps)])
    places = at.positions
    return all(name in places and places[name].sequence >= needed for name in read_models)


async def standing(
    reads: QueryReads,
    at: Reached,
    read_models: Sequence[str],
    of: TokenRow,
    last: Last,
) -> tuple[bool | None, bool]:
    """Whether what is told of a token from its launch to a slot is `complete`, and `final`."""
    complete = await complete_between(
        reads, of.created_time_s or 0, TIME_S_MAX, launch_pos=of.created_pos, last=last.slot
    )
    if complete is not True or not last.stands:
        return complete, False
    until = await reads.certified_until(last.slot)  # not before: see `has_all`
    return True, await has_all(reads, at, read_models, until, of.created_pos)


def check_versions(at: Reached, kept_since: Mapping[str, int], what: str) -> None:
    """Refuse what is told of the past while rows are older than what it is put together from."""
    for name, version in kept_since.items():
        found = at.positions.get(name)
        if found is not None and found.version < version:
            raise ProblemError(
                PAST_NOT_KEPT,
                f"the rows of {name} are of version {found.version}, and {what} of the past are "
                f"made from version {version} on: whoever runs this server has to "
                f"`curvetape projections rebuild {name}`; leave out asOf until then",
                parameter="asOf",
            )


async def check_passed(
    reads: QueryReads,
    at: Reached,
    read_models: Sequence[str],
    until: Certificate | None,
    launch_pos: int | None,
) -> None:
    """Refuse what several read models tell together, before all of them have come so far."""
    if until is None or await _have_passed(reads, at, read_models, until, launch_pos):
        return
    places = at.positions
    sequences = {name: places[name].sequence if name in places else 0 for name in read_models}
    behind = min(sequences, key=sequences.__getitem__)
    raise ProblemError(
        NOT_YET,
        f"asOf has to have been passed by {', '.join(read_models)}, and {behind} is at "
        f"{sequences[behind]}; ask again in {RETRY_AFTER_S} s, or /readyz what it waits for",
        parameter="asOf",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


async def check_horizon(reads: QueryReads, rows: Sequence[CandleRow], *, end_s: int) -> None:
    """Refuse candles that may have been folded from trades of which some were let go of.

    The past that they are of ends before `end_s`.
    """
    horizon = await reads.trades_horizon()
    if horizon is not None and rows and rows[0].start_s < horizon.complete_from_s:
        kept_s = horizon.complete_from_s
        instead = "begin with that time" if kept_s < end_s else "ask for a later past, or for now"
        raise ProblemError(
            PAST_NOT_KEPT,
            f"trades from before {kept_s} were let go of; {instead}",
            parameter="asOf",
        )
