"""A layout that grew by appending: reading the longest prefix that the bytes hold, and writing."""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from struct import Struct, error
from typing import Any, NamedTuple

import msgspec

from ingest.layouts.shape import Shape
from ingest.layouts.types import Bool, DoesNotFitError, Number, Text, Type, Wide

SHAPES_MAX = 64
"""Shapes of its events that a layout remembers."""


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


class _Part(NamedTuple):
    """Neighbouring fields of fixed size, read at once; or one field of another kind."""

    unpack: Callable[[bytes, int], tuple[Any, ...]] | None
    """Reads the neighbours; None for the other kind."""
    size: int = 0
    bools: tuple[int, ...] = ()
    """Offsets of bytes that have to be 0 or 1."""
    wides: tuple[tuple[int, bool], ...] = ()
    """Indexes among the values, and signedness, of integers that are still bytes."""
    read: Callable[[bytes, int], tuple[Any, int]] | None = None


def _fixed(fields: Sequence[Field], first_index: int) -> _Part:
    struct = Struct("<" + "".join(str(field.type.code) for field in fields))
    bools, wides, offset = [], [], 0
    for index, field in enumerate(fields, first_index):
        if isinstance(field.type, Bool):
            bools.append(offset)
        elif isinstance(field.type, Wide):
            wides.append((index, field.type.signed))
        offset += field.type.size_min
    return _Part(struct.unpack_from, struct.size, tuple(bools), tuple(wides))


def _plan(fields: Sequence[Field], first_index: int) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    group: list[Field] = []
    for index, field in enumerate(fields, first_index):
        if field.type.code is not None:
            group.append(field)
            continue
        if group:
            parts.append(_fixed(group, index - len(group)))
            group = []
        parts.append(_Part(None, read=field.type.read))
    if group:
        parts.append(_fixed(group, first_index + len(fields) - len(group)))
    return tuple(parts)


def _read(plan: tuple[_Part, ...], data: bytes, offset: int, values: list[Any]) -> int:
    """Append the plan's values; the offset behind them. `DoesNotFitError` or `struct.error`."""
    for unpack, size, bools, wides, read in plan:
        if unpack is not None:
            values += unpack(data, offset)
            for byte in bools:
                if data[offset + byte] > 1:
                    raise DoesNotFitError
            for index, signed in wides:
                values[index] = int.from_bytes(values[index], "little", signed=signed)
            offset += size
        elif read is not None:
            value, offset = read(data, offset)
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
        count = len(self.fields)
        self.padding = [[None] * (count - known) for known in range(count + 1)]
        """By the number of values that an event has: what stands for those that it has not."""
        self.time_index = next(
            (index for index, field in enumerate(self.fields) if field.name == "timestamp"), None
        )
        """Which value is the block time, where there is one."""
        self._steps: list[tuple[_Part, ...]] = []
        """How to read what each version appended."""
        self._counts: list[int] = []
        count = 0
        for version in versions:
            self._steps.append(_plan(version.fields, count))
            count += len(version.fields)
            self._counts.append(count)
        self._names = tuple(field.name for field in self.fields)
        self._converted = tuple(
            (index, field.name, field.type.plain)
            for index, field in enumerate(self.fields)
            if not isinstance(field.type, Number | Wide | Text)
        )
        """The fields whose values JSON cannot show as they are."""
        self._shapes: dict[int, tuple[tuple[Shape, Version], ...]] = {}
        """The shapes of events met before, by the number of bytes behind the first texts."""
        self._shape_count = 0
        types = [field.type for field in self.versions[0].fields]
        self._texts = [*takewhile(lambda kind: isinstance(kind, Text), types)]

    def __repr__(self) -> str:
        return f"<Layout {self.name}>"

    def read(self, data: bytes, offset: int) -> tuple[list[Any], Version, int]:
        """The values, their version and the offset behind them, from behind the discriminator.

        The longest version that fits wins; what is behind it is the caller's to keep.
        `TooShortError` if not even the first one fits.
        """
        behind = offset
        if self._texts:
            texts, behind = self._read_texts(data, offset)
        size = len(data)
        for shape, version in self._shapes.get(size - behind, ()):
            rest = shape.read(data, behind)
            if rest is not None:
                # All bytes are used, so no longer version can fit.
                return (texts + rest if self._texts else rest), version, size
        values: list[Any] = []
        reached, end = self._read_steps(data, offset, values)
        if reached < 0:
            raise TooShortError(self, size - offset)
        if end == size and self._shape_count < SHAPES_MAX:
            self._remember(self.versions[reached], values, data, behind)
        return values, self.versions[reached], end

    def _read_texts(self, data: bytes, offset: int) -> tuple[list[Any], int]:
        """The texts that the layout begins with, whose lengths are too many to remember."""
        values = []
        try:
            for text in self._texts:
                value, offset = text.read(data, offset)
                values.append(value)
        except DoesNotFitError:
            pass
        return values, offset

    def _remember(self, version: Version, values: Sequence[Any], data: bytes, behind: int) -> None:
        """Remember the shape of what stands behind the first texts."""
        skipped = len(self._texts)
        types = [field.type for field in self.fields[skipped : len(values)]]
        shape = Shape.of(types, values[skipped:], data, behind)
        if shape is not None:
            size = len(data) - behind
            self._shapes[size] = (*self._shapes.get(size, ()), (shape, version))
            self._shape_count += 1

    def _read_steps(self, data: bytes, offset: int, values: list[Any]) -> tuple[int, int]:
        """Read as far as whole steps go: the last one, -1 if there is none, and its end."""
        reached = -1
        for step, plan in enumerate(self._steps):
            try:
                offset = _read(plan, data, offset, values)
            except (DoesNotFitError, error):
                del values[0 if step == 0 else self._counts[step - 1] :]
                break
            reached = step
        return reached, offset

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
        shown = dict(zip(self._names, values, strict=False))
        count = len(values)
        for index, name, plain in self._converted:
            if index >= count:
                break
            shown[name] = plain(values[index])
        return shown
