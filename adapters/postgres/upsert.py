"""Many rows in one statement: arrays of columns in, rows inserted or merged."""

from collections.abc import Iterable, Mapping, Sequence


class Upsert:
    """One prepared shape of `insert … on conflict`, for as many rows as there are.

    Columns of type `numeric` take integers of any size; they travel as text, which is several
    times faster than the driver's own way. Table, columns and action are the program's own text.
    """

    def __init__(
        self, table: str, columns: Mapping[str, str], *, key: Sequence[str], action: str
    ) -> None:
        """`columns` maps names to SQL types; `action` merges `excluded` into `kept`."""
        self.table = table
        self.key = tuple(key)
        names = ", ".join(columns)
        values = ", ".join(
            f"{name}::numeric" if kind == "numeric" else name for name, kind in columns.items()
        )
        arrays = ", ".join(
            f"${number}::{'text' if kind == 'numeric' else kind}[]"
            for number, kind in enumerate(columns.values(), start=1)
        )
        self.sql = (
            f"insert into {table} as kept ({names})"  # noqa: S608  # no input among these
            f" select {values} from unnest({arrays}) as batch ({names})"
            f" on conflict ({', '.join(key)}) do {action}"
        )
        self._numeric = [kind == "numeric" for kind in columns.values()]

    def arguments(self, columns: Iterable[Iterable[object]]) -> list[list[object]]:
        """The statement's arguments, from the values of each column in the order declared."""
        return [
            [None if value is None else str(value) for value in column] if numeric else list(column)
            for numeric, column in zip(self._numeric, columns, strict=True)
        ]


def latest(position: str, *columns: str) -> str:
    """Assignments that take the group from whichever row has the higher position."""
    return _group(">", "greatest", position, columns)


def first(position: str, *columns: str) -> str:
    """Assignments that take the group from whichever row has the lower position."""
    return _group("<", "least", position, columns)


def highest(value: str, position: str, *columns: str) -> str:
    """Assignments that take the group from the row with the higher value, the first of equals."""
    taken = (
        f"kept.{value} is null or excluded.{value} > kept.{value}"
        f" or (excluded.{value} = kept.{value} and excluded.{position} < kept.{position})"
    )
    return ", ".join(
        f"{column} = case when {taken} then excluded.{column} else kept.{column} end"
        for column in (value, position, *columns)
    )


def added(*columns: str) -> str:
    """Assignments that add up."""
    return ", ".join(f"{column} = kept.{column} + excluded.{column}" for column in columns)


def known(*columns: str) -> str:
    """Assignments for constants that one of the rows may not know."""
    return ", ".join(f"{column} = greatest(kept.{column}, excluded.{column})" for column in columns)


def _group(comparison: str, choice: str, position: str, columns: Sequence[str]) -> str:
    # `greatest` and `least` pass over nulls; the comparison needs both sides to be there.
    taken = f"kept.{position} is null or excluded.{position} {comparison} kept.{position}"
    picks = [
        f"{column} = case when {taken} then excluded.{column} else kept.{column} end"
        for column in columns
    ]
    return ", ".join([*picks, f"{position} = {choice}(kept.{position}, excluded.{position})"])
