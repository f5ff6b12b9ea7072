"""What an audit of the archive can say."""

from typing import Literal, TypeAlias

import msgspec

ArchiveVerdict: TypeAlias = Literal["whole", "empty", "damaged"]


class Damage(msgspec.Struct, frozen=True):
    """A file of the archive that is not what it should be."""

    name: str
    reason: str


class ArchiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """What reading all of it back found."""

    verdict: ArchiveVerdict
    address: str
    segments: int
    """Segments in the chain of manifests; 0 where that chain is broken."""
    last_sequence: int
    """The last message that is sealed, 0 where none is."""
    first_slot: int | None
    last_slot: int | None
    file_bytes: int
    """Of all segments together."""
    damaged: tuple[Damage, ...]
    unlisted: tuple[str, ...]
    """Files without a manifest, which a sealer that was killed leaves; harmless."""
    certificate: str | None
    """The hash of the last slot certificate that is sealed."""
    head: str | None
    """The hash of the newest manifest: it fixes everything that the archive holds."""
