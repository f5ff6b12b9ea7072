"""Reads an archive back, all of it, and says what of it is not as it was sealed."""

import asyncio
import time
from collections.abc import Callable, Sequence

from adapters.archive import chain
from domain.archive import ArchiveDamagedError, ArchiveStore, Manifest, manifest_hash
from projections.audit.archive_report import ArchiveReport, Damage

STATUS_WAIT_S = 5.0

Say = Callable[[str], None]


async def audited(store: ArchiveStore, say: Say) -> ArchiveReport:
    """Check the chain of manifests, then every file; raises `ArchiveError` for what cannot be read.

    Where the chain is broken nothing says which files belong to it, so none is looked at.
    """
    try:
        manifests = await asyncio.to_thread(chain.manifests, store)
    except ArchiveDamagedError as error:
        return _report(store, (), (), [error])
    return await verified(store, manifests, say)


async def verified(store: ArchiveStore, manifests: Sequence[Manifest], say: Say) -> ArchiveReport:
    """Check every file of a chain of manifests; raises `ArchiveError` for what cannot be read."""
    damages: list[ArchiveDamagedError] = []
    said = time.monotonic()
    for number, manifest in enumerate(manifests, 1):
        try:
            await asyncio.to_thread(chain.verify, store, manifest)
        except ArchiveDamagedError as error:
            damages.append(error)
        if time.monotonic() - said >= STATUS_WAIT_S:
            said = time.monotonic()
            say(f"verified {number:,} of {len(manifests):,} segments")
    unlisted = await asyncio.to_thread(chain.unlisted, store, manifests)
    return _report(store, manifests, unlisted, damages)


def _report(
    store: ArchiveStore,
    manifests: Sequence[Manifest],
    unlisted: Sequence[str],
    damages: Sequence[ArchiveDamagedError],
) -> ArchiveReport:
    last = manifests[-1] if manifests else None
    certificates = [it.certificate for it in manifests if it.certificate is not None]
    return ArchiveReport(
        verdict="damaged" if damages else "whole" if manifests else "empty",
        address=store.address,
        segments=len(manifests),
        last_sequence=0 if last is None else last.last_sequence,
        first_slot=min((it.slots.first for it in manifests), default=None),
        last_slot=max((it.slots.last for it in manifests), default=None),
        file_bytes=sum(it.file_bytes for it in manifests),
        damaged=tuple(Damage(it.name, it.reason) for it in damages),
        unlisted=tuple(unlisted),
        certificate=certificates[-1] if certificates else None,
        head=None if last is None else manifest_hash(last),
    )
