"""The streams as `nats/streams.toml` defines them."""

from pathlib import Path
from typing import Literal

import msgspec
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
)


class DefinitionError(ValueError):
    """The definitions' file does not say what a stream is."""


class StreamDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stream; each field is JetStream's own of that name, durations in seconds.

    All are required: what is not written down would be the server's choice, and change with it.
    """

    name: str
    description: str
    subjects: list[str]
    storage: Literal["file", "memory"]
    num_replicas: int
    retention: Literal["limits", "interest", "workqueue"]
    max_age: float
    max_msgs: int
    max_bytes: int
    max_msgs_per_subject: int
    max_msg_size: int
    max_consumers: int
    discard: Literal["old", "new"]
    deny_delete: bool
    deny_purge: bool
    allow_atomic: bool
    allow_direct: bool
    duplicate_window: float
    compression: Literal["none", "s2"]

    def config(self) -> StreamConfig:
        """The definition as nats-py's own type, with the server's defaults for the rest."""
        fields = msgspec.structs.asdict(self) | {
            "storage": StorageType(self.storage),
            "retention": RetentionPolicy(self.retention),
            "discard": DiscardPolicy(self.discard),
            "compression": StoreCompression(self.compression),
        }
        return StreamConfig(**fields)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    streams: list[StreamDefinition]


def load(path: Path) -> list[StreamDefinition]:
    """Read a `streams.toml`; raises `DefinitionError` naming the field that does not fit."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).streams
    except (msgspec.DecodeError, OSError) as error:
        raise DefinitionError(f"{path} defines no streams: {error}") from error
