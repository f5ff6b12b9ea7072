"""The archive as a whole: its manifests in a chain, its segments read, added and verified."""

import hashlib
from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adapters.archive.columns import SCHEMA_VERSION
from adapters.archive.segment import Content, content_bytes, payloads, written
from domain.archive import (
    AlreadySealedError,
    ArchiveDamagedError,
    ArchiveStore,
    Manifest,
    SlotRange,
    TakenBackSlot,
    chained,
    manifest_bytes,
    manifest_hash,
)


def manifests(store: ArchiveStore) -> list[Manifest]:
    """All manifests, in sequence; raises `ArchiveDamagedError` where the chain is broken."""
    return chained((name, bytes(store.read(name))) for name in store.names("manifests"))


def newer(store: ArchiveStore, known: Sequence[Manifest]) -> list[Manifest]:
    """The manifests that were added behind those that are known."""
    names = store.names("manifests")[len(known) :]
    content = [(each.name, manifest_bytes(each)) for each in known]
    return chained(content + [(name, bytes(store.read(name))) for name in names])[len(known) :]


def content_of(store: ArchiveStore, manifest: Manifest) -> Content:
    """A segment's file, checked by its hash; raises `ArchiveDamagedError`."""
    content = store.read(manifest.file)
    if hashlib.sha256(content).hexdigest() != manifest.file_sha256:
        raise ArchiveDamagedError(manifest.file, "does not have the hash that its manifest names")
    return content


def verify(store: ArchiveStore, manifest: Manifest) -> None:
    """Check that a segment's file gives back every message that was sealed, byte for byte.

    Raises `ArchiveDamagedError`.
    """
    if manifest.schema_version != SCHEMA_VERSION:
        raise ArchiveDamagedError(
            manifest.name,
            f"has schema version {manifest.schema_version}; this program reads {SCHEMA_VERSION}",
        )
    _prove(content_of(store, manifest), manifest)


def unlisted(store: ArchiveStore, chain: Sequence[Manifest]) -> Sequence[str]:
    """Segment files without a manifest; harmless, and written again when sealing goes on."""
    known = {manifest.file for manifest in chain}
    return [name for name in store.names("segments") if name not in known]


def add(
    store: ArchiveStore,
    previous: Manifest | None,
    tables: Sequence[pa.Table],
    *,
    content_sha256: str,
    last_sha256: str,
    certificate: str | None,
) -> Manifest:
    """Write the next segment, prove that it gives back what was sealed, then its manifest.

    `tables` hold a contiguous range behind `previous`, each of one kind and with `counts`;
    `content_sha256` is of their messages as the log gave them. Raises `AlreadySealedError` where
    another sealer was faster, and `ArchiveError`.
    """
    content = written(tables)
    manifest = msgspec.structs.replace(
        _described(previous, tables, content),
        content_sha256=content_sha256,
        last_sha256=last_sha256,
        certificate=certificate,
    )
    _prove(content, manifest)
    store.put(manifest.file, content)
    try:
        store.put_new(manifest.name, manifest_bytes(manifest))
    except AlreadySealedError:
        # A store may have taken it and lost its answer, or another sealer wrote the very same.
        if bytes(store.read(manifest.name)) != manifest_bytes(manifest):
            raise
    return manifest


def _described(previous: Manifest | None, tables: Sequence[pa.Table], content: bytes) -> Manifest:
    """The manifest, as far as the segment itself tells."""
    first = min(pc.min(table["sequence"]).as_py() for table in tables)
    last = max(pc.max(table["sequence"]).as_py() for table in tables)
    file_sha256 = hashlib.sha256(content).hexdigest()
    kinds: dict[str, int] = {}
    abandoned: list[TakenBackSlot] = []
    for table in tables:
        tag = table["kind"][0].as_py()
        kinds[tag] = kinds.get(tag, 0) + len(table)
        if tag == "slot.abandoned":
            abandoned += map(
                TakenBackSlot, table["slot"].to_pylist(), table["sequence"].to_pylist()
            )
    return Manifest(
        schema_version=SCHEMA_VERSION,
        first_sequence=first,
        last_sequence=last,
        kinds=dict(sorted(kinds.items())),
        slots=SlotRange(
            min(pc.min(table["slot"]).as_py() for table in tables),
            max(pc.max(table["slot"]).as_py() for table in tables),
        ),
        abandoned=sorted(abandoned, key=lambda it: it.sequence),
        kept_payloads=sum(len(it) - it["payload"].null_count for it in tables),
        certificate=None,
        content_sha256="",
        last_sha256="",
        file=f"segments/{first:020d}-{last:020d}-{file_sha256[:16]}.parquet",
        file_bytes=len(content),
        file_sha256=file_sha256,
        previous=None if previous is None else manifest_hash(previous),
    )


def _prove(content: Content, manifest: Manifest) -> None:
    digest, expected = hashlib.sha256(), manifest.first_sequence
    for first, made in payloads(content, end="\n"):
        if first != expected:
            raise ArchiveDamagedError(manifest.file, f"lacks sequence {expected}")
        expected += len(made)
        digest.update(content_bytes(made))
    if expected != manifest.last_sequence + 1 or digest.hexdigest() != manifest.content_sha256:
        raise ArchiveDamagedError(
            manifest.file, "does not give back the messages that its manifest names"
        )
