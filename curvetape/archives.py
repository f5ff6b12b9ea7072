"""The configured archive, and the log that has it behind it.

What reads Parquet and object stores is imported only where an archive is configured: it takes
50 MB, and the processes that are always up to date live without it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.config import Settings
from domain.archive import ArchiveStore

if TYPE_CHECKING:
    from adapters.archive.log import ArchivedLog


def archive_of(settings: Settings) -> ArchiveStore | None:
    """The archive, where one is configured; raises `ArchiveError` for what is no address."""
    if settings.archive_url is None:
        return None
    from adapters.archive.stores import open_store  # noqa: PLC0415  # only where it is needed

    return open_store(settings.archive_url)


def elsewhere(settings: Settings) -> Settings:
    """The settings for a process that runs in another folder than this one."""
    address = settings.archive_url
    if address is None or "://" in address:
        return settings
    return msgspec.structs.replace(settings, archive_url=str(Path(address).absolute()))


def log_of(settings: Settings, connection: Connection) -> "ArchivedLog | JetStreamLog":
    """The log from its first message on, as far as the settings say where that is."""
    stream = JetStreamLog(connection)
    store = archive_of(settings)
    if store is None:
        return stream
    from adapters.archive.log import ArchivedLog  # noqa: PLC0415  # only where it is needed

    return ArchivedLog(store, stream)
