"""What an audit of read models against a replay of the log can say."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

ModelVerdict: TypeAlias = Literal["equal", "different", "not compared"]
Difference: TypeAlias = Literal["missing", "extra", "other values"]
"""Of a row: the table lacks it, a replay does not give it, or a replay gives other values."""


class RowDifference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that is not what a replay gives."""

    what: Difference
    key: dict[str, object]
    """The columns of the table's key."""
    kept: dict[str, object] | None = None
    """What the table has, of other values only the columns that differ; None where it lacks it."""
    replayed: dict[str, object] | None = None
    """The same of the replay."""


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """A table beside what a replay makes of it."""

    name: str
    rows: int
    digest: str
    """SHA-256 of the rows as PostgreSQL's `copy` writes them, in the order of the key."""
    rows_replayed: int
    digest_replayed: str
    differences: dict[Difference, int] = {}
    """How many rows differ, and in what."""
    first: tuple[RowDifference, ...] = ()
    """The first of them, in the order of the key."""
    from_pos: int | None = None
    """The lowest position of which rows were compared, where older ones were let go of."""
    from_s: dict[str, int] = {}
    """By interval, the first second of which candles were compared, where older ones are gone."""


class ModelReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One read model at its own checkpoint."""

    name: str
    sequence: int | None
    """Its checkpoint when it was compared; None where it has none."""
    reason: str | None = None
    """Why it could not be compared."""
    tables: tuple[TableReport, ...] = ()

    @property
    def verdict(self) -> ModelVerdict:
        """What its tables prove."""
        if self.reason is not None:
            return "not compared"
        differ = any(it.digest != it.digest_replayed for it in self.tables)
        return "different" if differ else "equal"


class ModelsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison found."""

    verdict: ModelVerdict
    """Different if one model is, equal if all are."""
    last_sequence: int
    """The log's end; what is behind a checkpoint is not in its rows yet, and no fault."""
    models: tuple[ModelReport, ...]


def report(models: Sequence[ModelReport], *, last_sequence: int) -> ModelsReport:
    """The models' reports as one."""
    verdicts = {it.verdict for it in models}
    verdict: ModelVerdict = "equal"
    if "different" in verdicts:
        verdict = "different"
    elif "not compared" in verdicts:
        verdict = "not compared"
    return ModelsReport(verdict=verdict, last_sequence=last_sequence, models=tuple(models))
