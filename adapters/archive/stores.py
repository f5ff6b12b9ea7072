"""An archive's address, and the store behind it."""

from pathlib import Path

from adapters.archive.folder import FolderStore
from adapters.archive.objects import ObjectArchiveStore
from domain.archive import ArchiveStore


def open_store(address: str) -> ArchiveStore:
    """The store at an address: a folder's path or `file://`, else the URL of an object store.

    Raises `ArchiveError` where no store has such an address.
    """
    if address.startswith("file://"):
        return FolderStore(Path(address.removeprefix("file://")))
    if "://" in address:
        return ObjectArchiveStore(address)
    return FolderStore(Path(address))
