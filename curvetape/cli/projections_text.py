"""Read models as people read them."""

from collections.abc import Sequence

from rich.table import Table

from curvetape.standing import Standing
from curvetape.unparking import Unparked
from projections.generation import Generation


def listed(found: Sequence[Standing]) -> str:
    """Each read model with its generations, a line for each."""
    lines = []
    for each in found:
        lines.append(f"{each.name}, version {each.program_version}, log at {each.head:,}")
        lines.append(f"  served    {_generation(each.served)}, {each.lag:,} behind the log")
        lines += [f"  part {part:<4} at sequence {sequence:,}" for part, sequence in _parts(each)]
        for place, generation in (("next", each.next), ("previous", each.previous)):
            if generation is not None:
                lines.append(f"  {place:<9} {_generation(generation)}")
        if each.parked:
            lines.append(
                f"  parked    {each.parked:,} events that could not be applied; after a fix: "
                f"curvetape projections retry {each.name}"
            )
        if each.served.refused is not None:
            lines.append(f"  refused: {each.served.refused}")
    return "\n".join(lines)


def retried(found: Unparked) -> str:
    """What became of parked events."""
    lines = [f"{found.name}: {found.applied:,} applied, {len(found.stayed):,} still parked"]
    lines += [f"  {it.event_id} (sequence {it.sequence:,}): {it.reason}" for it in found.stayed]
    return "\n".join(lines)


def table(found: Sequence[Standing]) -> Table:
    """Where each stands, as a table."""
    shown = Table("projection", "state", "position", "log", "lag", "events/s", "parked", box=None)
    for column in shown.columns[2:]:
        column.justify = "right"
    for each in found:
        rate = "" if each.rate_per_s is None else f"{each.rate_per_s:,.0f}"
        shown.add_row(
            each.name,
            each.state,
            f"{each.served.sequence:,}",
            f"{each.head:,}",
            f"{each.lag:,}",
            rate,
            f"{each.parked:,}",
        )
        for part, sequence in _parts(each):
            behind = max(each.head - sequence, 0)
            shown.add_row(f"  {part}", "", f"{sequence:,}", "", f"{behind:,}", "", "")
    return shown


def _parts(standing: Standing) -> Sequence[tuple[str, int]]:
    """Each part of what is served, as in `2/4`, and its sequence."""
    parts = standing.served.parts
    return [(f"{part}/{len(parts)}", sequence) for part, sequence in enumerate(parts, 1)]


def _generation(generation: Generation) -> str:
    return f"version {generation.version}, at sequence {generation.sequence:,}"
