"""Columns that belong together: those of one event among several that tell the same."""

from collections.abc import Mapping
from typing import Literal

import msgspec
import polars as pl


class Group(msgspec.Struct, frozen=True):
    """Columns of a row that are of one event, and which of several events that is."""

    keeps: Literal["first", "last", "highest"]
    """By `by`; of the highest values the one with the lowest `<group>_pos`."""
    by: str
    columns: Mapping[str, pl.DataType]
    """With the one that says where the event stands before all others."""
