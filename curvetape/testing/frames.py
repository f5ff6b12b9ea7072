"""Events as the archive's columns have them, for cores that read those."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from adapters.archive.columns import SCHEMA
from domain.events import AnyEvent

_PLACE = {"slot": "slot", "tx_index": "tx", "outer_index": "outer", "inner_index": "inner"}
_TYPES = pl.from_arrow(SCHEMA.empty_table())


def rows_of(kind: str, events: Sequence[AnyEvent], columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of the events of a kind; an integer that does not fit is null."""
    assert isinstance(_TYPES, pl.DataFrame)
    return pl.DataFrame(
        {name: [_value(it, name) for it in events if it.kind == kind] for name in columns},
        schema={name: _TYPES.schema[name] for name in columns},
    )


def _value(event: Any, name: str) -> Any:
    if name == "signature":
        return event.id.partition(":")[0]
    found = getattr(event.pos, _PLACE[name]) if name in _PLACE else getattr(event, name)
    fits = not isinstance(found, int) or isinstance(found, bool) or abs(found) < 1 << 63
    return found if fits else None
