"""All events of the three programs, by program and discriminator and by name."""

from typing import Any

from ingest.layouts import pump, pump_amm, pump_fees
from ingest.layouts.layout import Layout

EVENTS = (*pump.EVENTS, *pump_amm.EVENTS, *pump_fees.EVENTS)

BY_PROGRAM: dict[str, dict[bytes, Layout]] = {}
"""The layouts by program, then by discriminator."""
for _event in EVENTS:
    _known = BY_PROGRAM.setdefault(_event.program, {})
    assert _event.discriminator not in _known, f"{_event.name} is declared twice"
    _known[_event.discriminator] = _event

_BY_NAME = {(event.program, event.name): event for event in EVENTS}


def event(program: str, name: str) -> Layout:
    """The layout of a program's event; `KeyError` if there is none of the name."""
    return _BY_NAME[program, name]


def encode(program: str, name: str, label: str, values: dict[str, Any]) -> bytes:
    """An event's bytes, discriminator first, in the version of its layout that the label names.

    Keys may be given in base58. `KeyError` for an unknown event or label or a missing value.
    """
    return event(program, name).write(label, values)


def table() -> str:
    """All layouts as a Markdown table: program, event, version and the fields that it added."""
    lines = ["| program | event | version | fields added |", "|---|---|---|---|"]
    for layout in EVENTS:
        for version in layout.versions:
            fields = ", ".join(f"{field.name} {field.declared}" for field in version.fields)
            lines.append(f"| {layout.program} | {layout.name} | {version.label} | {fields} |")
    return "\n".join(lines)
