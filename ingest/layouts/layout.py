"""A layout that grew by appending: reading the longest prefix that the bytes hold, and writing."""

from collections.abc import Mapping, Sequence
from struct import Struct, error
from typing import Any

import msgspec

from ingest.layouts.types import Bool, DoesNotFitError, Type, Wide


class Field(msgspec.Struct, frozen=True):
    """A named field."""

    name: str
    type: Type
    declared: str
    """The type as it was declared."""


class Version(msgspec.Struct, frozen=True):
    """A step of the layout's growth: what it appended to the one before."""

    label: str
    fields: tuple[Field, ...]


class TooShortError(ValueError):
    """Bytes that cannot be even the first version of their layout."""

    def __init__(self, layout: "Layout", size: int) -> None:
        first = layout.versions[0].label
        super().__init__(f"{layout.name}: {size} bytes cannot be its first version, {first}")
        self.layout = layout
        self.size = size


class _Fixed:
    """Neighbouring fields of fixed size, read at once."""

    def __init__(self, fields: Sequence[Field], first_index: int) -> None:
        self.struct = Struct("<" + "".join(str(field.type.code) for field in fields))
        self.size = self.struct.size
        self.bools: list[int] = []
        """Offsets of bytes that have to be 0 or 1."""
        self.wides: list[tuple[int, bool]] = []
        """Indexes among the values, and signedness, of integers that are still bytes."""
        offset = 0
        for index, field in enumerate(fields, first_index):
            if isinstance(field.type, Bool):
                self.bools.append(offset)
            elif isinstance(field.type, Wide):
                self.wides.append((index, field.type.signed))
            offset += field.type.size_min


_Plan = list[_Fixed | Type]


def _plan(fields: Sequence[Field], first_index: int) -> _Plan:
    plan: _Plan = []
    group: list[Field] = []
    for index, field in enumerate(fields, first_index):
        if field.type.code is not None:
            group.append(field)
            continue
        if group:
            plan.append(_Fixed(group, index - len(group)))
            group = []
        plan.append(field.type)
    if group:
        plan.append(_Fixed(group, first_index + len(fields) - len(group)))
    return plan


def _read(plan: _Plan, data: bytes, offset: int, values: list[Any]) -> int:
    """Append the plan's values; the offset behind them. `DoesNotFitError` or `struct.error`."""
    for part in plan:
        if isinstance(part, _Fixed):
            values += part.struct.unpack_from(data, offset)
            for byte in part.bools:
                if data[offset + byte] > 1:
                    raise DoesNotFitError
            for index, signed in part.wides:
                values[index] = int.from_bytes(values[index], "little", signed=signed)
            offset += part.size
        else:
            value, offset = part.read(data, offset)
            values.append(value)
    return offset


class Layout:
    """An event or account: its name, discriminator and the versions that it has had.

    `program` is the base58 address that emits or owns it.
    """

    def __init__(
        self, program: str, name: str, discriminator: bytes, versions: Sequence[Version]
    ) -> None:
        self.program = program
        self.name = name
        self.discriminator = discriminator
        self.versions = tuple(versions)
        self.fields = tuple(field for version in versions for field in version.fields)
        self.padding = (None,) * len(self.fields)
        """What stands for the fields of versions that an event does not have."""
        self._whole = _plan(self.fields, 0)
        self._steps: list[_Plan] = []
        self._counts: list[int] = []
        count = 0
        for version in versions:
            self._steps.append(_plan(version.fields, count))
            count += len(version.fields)
            self._counts.append(count)

    def __repr__(self) -> str:
        return f"<Layout {self.name}>"

    def read(self, data: bytes, offset: int) -> tuple[list[Any], Version, int]:
        """The values, their version and the offset behind them, from behind the discriminator.

        The longest version that fits wins; what is behind it is the caller's to keep.
        `TooShortError` if not even the first one fits.
        """
        values: list[Any] = []
        try:
            end = _read(self._whole, data, offset, values)
        except (DoesNotFitError, error):
            return self._read_stepwise(data, offset)
        return values, self.versions[-1], end

    def _read_stepwise(self, data: bytes, offset: int) -> tuple[list[Any], Version, int]:
        start, values, reached = offset, list[Any](), -1
        for plan in self._steps:
            try:
                offset = _read(plan, data, offset, values)
            except (DoesNotFitError, error):
                break
            reached += 1
        if reached < 0:
            raise TooShortError(self, len(data) - start)
        return values[: self._counts[reached]], self.versions[reached], offset

    def fields_of(self, version: Version) -> tuple[Field, ...]:
        """All the fields that an event of the version has."""
        return self.fields[: self._counts[self.versions.index(version)]]

    def named(self, label: str) -> Version:
        """The version with the label; `KeyError` if there is none."""
        for version in self.versions:
            if version.label == label:
                return version
        raise KeyError(f"{self.name} has no version {label}")

    def write(self, label: str, values: Mapping[str, Any]) -> bytes:
        """The bytes of a version, discriminator first; `KeyError` for a missing value."""
        return self.discriminator + b"".join(
            field.type.write(values[field.name]) for field in self.fields_of(self.named(label))
        )

    def plain(self, values: Sequence[Any]) -> dict[str, Any]:
        """Values by name as JSON can show them; as many as there are."""
        return {
            field.name: field.type.plain(value)
            for field, value in zip(self.fields, values, strict=False)
        }
