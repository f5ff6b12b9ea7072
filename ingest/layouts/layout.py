"""A layout that grew by appending: reading the longest prefix that the bytes hold, and writing."""

from collections.abc import Callable, Mapping, Sequence
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
        self.padding = (None,) * len(self.fields)
        """What stands for the fields of versions that an event does not have."""
        self._steps: list[tuple[_Part, ...]] = []
        """How to read what each version appended."""
        self._prefixes: list[tuple[_Part, ...]] = []
        """How to read each version as a whole, which is faster."""
        self._counts: list[int] = []
        count = 0
        for version in versions:
            self._steps.append(_plan(version.fields, count))
            count += len(version.fields)
            self._counts.append(count)
            self._prefixes.append(_plan(self.fields[:count], 0))
        self._names = tuple(field.name for field in self.fields)
        self._converted = tuple(
            (index, field.name, field.type.plain)
            for index, field in enumerate(self.fields)
            if not isinstance(field.type, Number | Wide | Text)
        )
        """The fields whose values JSON cannot show as they are."""
        self._shapes: dict[int, tuple[tuple[Shape, Version], ...]] = {}
        """The shapes of events met before, by their number of bytes."""
        self._shape_count = 0
        self._usual = len(self.versions) - 1
        """The version read last: nearly always the next one's too, so it is tried first."""

    def __repr__(self) -> str:
        return f"<Layout {self.name}>"

    def read(self, data: bytes, offset: int) -> tuple[list[Any], Version, int]:
        """The values, their version and the offset behind them, from behind the discriminator.

        The longest version that fits wins; what is behind it is the caller's to keep.
        `TooShortError` if not even the first one fits.
        """
        for shape, version in self._shapes.get(len(data) - offset, ()):
            found = shape.read(data, offset)
            if found is not None:
                # All bytes are used, so no longer version can fit.
                return found, version, len(data)
        values: list[Any] = []
        reached = self._usual
        try:
            end = _read(self._prefixes[reached], data, offset, values)
        except (DoesNotFitError, error):
            values, reached, end = [], -1, offset
        if end < len(data):
            reached, end = self._read_steps(data, end, values, reached)
        if reached < 0:
            raise TooShortError(self, len(data) - offset)
        self._usual = reached
        if end == len(data) and self._shape_count < SHAPES_MAX:
            self._remember(reached, values, data, offset)
        return values, self.versions[reached], end

    def _remember(self, reached: int, values: list[Any], data: bytes, offset: int) -> None:
        types = [field.type for field in self.fields[: self._counts[reached]]]
        shape = Shape.of(types, values, data, offset)
        if shape is not None:
            size = len(data) - offset
            alike = self._shapes.get(size, ())
            self._shapes[size] = (*alike, (shape, self.versions[reached]))
            self._shape_count += 1

    def _read_steps(
        self, data: bytes, offset: int, values: list[Any], reached: int
    ) -> tuple[int, int]:
        """Read on behind a version, as far as whole steps go: the last one and its end."""
        for step in range(reached + 1, len(self.versions)):
            try:
                offset = _read(self._steps[step], data, offset, values)
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
