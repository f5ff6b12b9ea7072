"""The archive's contract: which ranges of the log are sealed, and what proves each of them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from domain.log import LogError


class ArchiveError(LogError):
    """The archive could not do what was asked."""


class ArchiveUnavailableError(ArchiveError):
    """The folder or the object store did not answer as it should."""


class ArchiveDamagedError(ArchiveError):
    """A part of the archive is not what its manifests say."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} in the archive {reason}; restore it from a copy of the archive")
        self.name = name
        self.reason = reason


class AlreadySealedError(ArchiveError):
    """Another sealer has written the next segment."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is in the archive already; another sealer writes to it, and one may at a time"
        )
        self.name = name


class ArchiveInUseError(ArchiveError):
    """Another sealer runs on the same folder."""

    def __init__(self, address: str) -> None:
        super().__init__(f"another sealer writes to {address}; one may at a time")


class SlotRange(msgspec.Struct, frozen=True):
    """Slots from `first` to `last`, both included."""

    first: int
    last: int


class TakenBackSlot(msgspec.Struct, frozen=True, array_like=True):
    """A `slot.abandoned` of the segment; as JSON `[slot, sequence]`."""

    slot: int
    sequence: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment holds. A segment exists when its manifest does."""

    schema_version: int
    first_sequence: int
    last_sequence: int
    kinds: Mapping[str, int]
    """How many events of each kind, in the order of the kinds' names."""
    slots: SlotRange
    """The lowest and the highest slot of its events' positions."""
    abandoned: Sequence[TakenBackSlot]
    kept_payloads: int
    """Events stored byte for byte beside their columns, which would not give them back."""
    certificate: str | None
    """The hash of the segment's last slot certificate."""
    content_sha256: str
    """Over its messages in sequence, each with a newline behind it; hexadecimal."""
    last_sha256: str
    """Of its last message alone, to know the log again."""
    file: str
    """The segment's name in the archive."""
    file_bytes: int
    file_sha256: str
    previous: str | None
    """The hash of the manifest before it; None in the first."""

    @property
    def events(self) -> int:
        """How many messages the segment holds."""
        return self.last_sequence - self.first_sequence + 1

    @property
    def name(self) -> str:
        """The manifest's own name in the archive."""
        return manifest_name(self.first_sequence)


class ArchiveStore(Protocol):
    """Where an archive lies: immutable files by name. Raises `ArchiveError`."""

    @property
    def address(self) -> str:
        """What it is called towards people."""
        ...

    def names(self, folder: str) -> Sequence[str]:
        """The names of all whole files whose names begin with the folder and a slash, sorted."""
        ...

    def read(self, name: str) -> bytes | memoryview:
        """A file's bytes; `ArchiveDamagedError` where it is missing."""
        ...

    def put_new(self, name: str, content: bytes) -> None:
        """Write a file, durably and whole or not at all; `AlreadySealedError` where it exists."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """The same for a file that may exist already, then with the same content."""
        ...

    def sealing(self) -> AbstractContextManager[None]:
        """Be the archive's only sealer within the block, as far as the store can tell."""
        ...


def manifest_name(first_sequence: int) -> str:
    """Where the manifest of a segment lies that begins with a sequence."""
    return f"manifests/{first_sequence:020d}.json"


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it is stored."""
    return msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"


def manifest_hash(manifest: Manifest) -> str:
    """SHA-256 of the manifest as it is stored; hexadecimal."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def chained(named: Iterable[tuple[str, bytes]]) -> list[Manifest]:
    """Manifests from their names and bytes, in sequence, each checked to follow the one before.

    Raises `ArchiveDamagedError` at the first that does not.
    """
    chain: list[Manifest] = []
    last, previous = 0, None
    for name, content in named:
        try:
            manifest = msgspec.json.decode(content, type=Manifest)
        except msgspec.DecodeError as error:
            raise ArchiveDamagedError(name, f"is no manifest: {error}") from error
        if manifest_bytes(manifest) != content or manifest.name != name:
            raise ArchiveDamagedError(name, "is not as it was written")
        if manifest.first_sequence != last + 1 or manifest.last_sequence <= last:
            raise ArchiveDamagedError(name, f"does not follow sequence {last}")
        if manifest.previous != previous:
            raise ArchiveDamagedError(name, "does not name the manifest before it by its hash")
        last, previous = manifest.last_sequence, hashlib.sha256(content).hexdigest()
        chain.append(manifest)
    return chain
