"""The field types of Borsh, little endian: how each is read, written and shown as JSON."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Protocol

from solders.pubkey import Pubkey

ADDRESS_CACHE_ENTRIES_MAX = 131_072

_U32 = Struct("<I")


class DoesNotFitError(ValueError):
    """Bytes that cannot be what the layout says."""


@lru_cache(ADDRESS_CACHE_ENTRIES_MAX)
def address(key: bytes) -> str:
    """A key's 32 bytes in base58."""
    return str(Pubkey.from_bytes(key))


class Type(Protocol):
    """How the values of a field are read from bytes, written to them, and shown."""

    code: str | None
    """The format character for `struct` where the type has one of fixed size, else None."""
    size_min: int
    """The least number of bytes that a value takes."""

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        """The value at `offset` and the offset behind it; `DoesNotFitError` if there is none."""
        ...

    def write(self, value: Any) -> bytes:
        """The bytes of a value."""
        ...

    def plain(self, value: Any) -> Any:
        """The value as JSON can show it: addresses in base58, bytes in hexadecimal."""
        ...


class Number:
    """An integer of up to 64 bits."""

    def __init__(self, code: str) -> None:
        self.code: str | None = code
        self._struct = Struct("<" + code)
        self.size_min = self._struct.size

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        end = offset + self.size_min
        if end > len(data):
            raise DoesNotFitError
        return self._struct.unpack_from(data, offset)[0], end

    def write(self, value: Any) -> bytes:
        return self._struct.pack(value)

    def plain(self, value: Any) -> Any:
        return value


class Bool(Number):
    """One byte, 0 or 1; any other is not a bool."""

    def __init__(self) -> None:
        super().__init__("?")

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        value, end = super().read(data, offset)
        if data[offset] > 1:
            raise DoesNotFitError
        return value, end


class Wide:
    """An integer of 128 bits, for which `struct` has no format."""

    size_min = 16

    def __init__(self, *, signed: bool) -> None:
        self.code: str | None = "16s"
        self.signed = signed

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        end = offset + 16
        if end > len(data):
            raise DoesNotFitError
        return int.from_bytes(data[offset:end], "little", signed=self.signed), end

    def write(self, value: Any) -> bytes:
        return int(value).to_bytes(16, "little", signed=self.signed)

    def plain(self, value: Any) -> Any:
        return value


class Bytes:
    """A fixed number of bytes without a meaning of their own."""

    def __init__(self, size: int) -> None:
        self.code: str | None = f"{size}s"
        self.size_min = size

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        end = offset + self.size_min
        if end > len(data):
            raise DoesNotFitError
        return data[offset:end], end

    def write(self, value: Any) -> bytes:
        raw = bytes.fromhex(value) if isinstance(value, str) else bytes(value)
        if len(raw) != self.size_min:
            raise ValueError(f"{self.size_min} bytes were expected, was {len(raw)}")
        return raw

    def plain(self, value: Any) -> Any:
        return value.hex()


class Key(Bytes):
    """A public key; its value is the 32 bytes, and it is written from base58 as well."""

    def __init__(self) -> None:
        super().__init__(32)

    def write(self, value: Any) -> bytes:
        return bytes(Pubkey.from_string(value)) if isinstance(value, str) else super().write(value)

    plain = staticmethod(address)


class Text:
    """A string in UTF-8 behind its length.

    The programs' own strings are always valid UTF-8; a byte that is not reads as U+FFFD, so that
    a damaged name cannot hide a trade.
    """

    code: str | None = None
    size_min = 4

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        start = offset + 4
        if start > len(data):
            raise DoesNotFitError
        end = start + _U32.unpack_from(data, offset)[0]
        if end > len(data):
            raise DoesNotFitError
        return data[start:end].decode("utf-8", "replace"), end

    def write(self, value: Any) -> bytes:
        raw = bytes(value, "utf-8")
        return _U32.pack(len(raw)) + raw

    def plain(self, value: Any) -> Any:
        return value


class Array:
    """A fixed number of values of one type."""

    code: str | None = None

    def __init__(self, item: Type, count: int) -> None:
        self.item = item
        self.count = count
        self.size_min = item.size_min * count

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        return _read_items(self.item, self.count, data, offset)

    def write(self, value: Sequence[Any]) -> bytes:
        if len(value) != self.count:
            raise ValueError(f"{self.count} values were expected, was {len(value)}")
        return b"".join(map(self.item.write, value))

    def plain(self, value: Any) -> Any:
        return [self.item.plain(item) for item in value]


class Vec:
    """Values of one type behind their number."""

    code: str | None = None
    size_min = 4

    def __init__(self, item: Type) -> None:
        self.item = item

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        start = offset + 4
        if start > len(data):
            raise DoesNotFitError
        count = _U32.unpack_from(data, offset)[0]
        # A number that the bytes cannot hold must not be counted up to.
        if count * self.item.size_min > len(data) - start:
            raise DoesNotFitError
        return _read_items(self.item, count, data, start)

    def write(self, value: Sequence[Any]) -> bytes:
        return _U32.pack(len(value)) + b"".join(map(self.item.write, value))

    def plain(self, value: Any) -> Any:
        return [self.item.plain(item) for item in value]


class Option:
    """A value that may be absent: one byte, 0 or 1, and then the value."""

    code: str | None = None
    size_min = 1

    def __init__(self, item: Type) -> None:
        self.item = item

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        if offset >= len(data) or data[offset] > 1:
            raise DoesNotFitError
        return self.item.read(data, offset + 1) if data[offset] else (None, offset + 1)

    def write(self, value: Any) -> bytes:
        return b"\0" if value is None else b"\1" + self.item.write(value)

    def plain(self, value: Any) -> Any:
        return None if value is None else self.item.plain(value)


class Record:
    """Named fields one after the other; its value is a tuple, written from a mapping as well."""

    code: str | None = None

    def __init__(self, fields: Mapping[str, Type]) -> None:
        self.fields = dict(fields)
        self.size_min = sum(field.size_min for field in self.fields.values())

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        values = []
        for field in self.fields.values():
            value, offset = field.read(data, offset)
            values.append(value)
        return tuple(values), offset

    def write(self, value: Any) -> bytes:
        if isinstance(value, Mapping):
            value = [value[name] for name in self.fields]
        return b"".join(
            field.write(item) for field, item in zip(self.fields.values(), value, strict=True)
        )

    def plain(self, value: Any) -> Any:
        return {
            name: field.plain(item)
            for (name, field), item in zip(self.fields.items(), value, strict=True)
        }


class Enum:
    """One of some named variants, each with at most one field; its value is `(name, field)`.

    A variant without a field is shown, and may be written, as its name alone.
    """

    code: str | None = None
    size_min = 1

    def __init__(self, variants: Mapping[str, Type | None]) -> None:
        self.variants = dict(variants)
        self._numbered = list(self.variants.items())

    def read(self, data: bytes, offset: int) -> tuple[Any, int]:
        if offset >= len(data) or data[offset] >= len(self._numbered):
            raise DoesNotFitError
        name, field = self._numbered[data[offset]]
        if field is None:
            return (name, None), offset + 1
        value, end = field.read(data, offset + 1)
        return (name, value), end

    def write(self, value: Any) -> bytes:
        if isinstance(value, str):
            value = (value, None)
        elif isinstance(value, Mapping):
            value = next(iter(value.items()))
        for number, (name, field) in enumerate(self._numbered):
            if name == value[0]:
                return bytes([number]) + (b"" if field is None else field.write(value[1]))
        raise ValueError(f"{value[0]!r} is not one of {list(self.variants)}")

    def plain(self, value: Any) -> Any:
        name, item = value
        field = self.variants[name]
        return name if field is None else {name: field.plain(item)}


def _read_items(item: Type, count: int, data: bytes, offset: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(count):
        value, offset = item.read(data, offset)
        values.append(value)
    return values, offset
