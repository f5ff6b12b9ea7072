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

S_PER_HOUR = 3_600.0


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
    raw: StreamDefinition | None = None


def load(path: Path, *, raw_hours: float = 0.0) -> list[StreamDefinition]:
    """Read a `streams.toml`; raises `DefinitionError` naming the field that does not fit.

    With `raw_hours` the stream of raw blocks is among them, which holds that many hours of them.
    """
    try:
        defined = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (msgspec.DecodeError, OSError) as error:
        raise DefinitionError(f"{path} defines no streams: {error}") from error
    if not raw_hours:
        return defined.streams
    if defined.raw is None:
        raise DefinitionError(f"{path} does not define the stream of raw blocks, as [raw]")
    return [*defined.streams, _lasting(defined.raw, raw_hours * S_PER_HOUR)]


def _lasting(stream: StreamDefinition, age_s: float) -> StreamDefinition:
    """A stream with its messages' age; ids are known no longer than that, as servers demand."""
    return msgspec.structs.replace(
        stream, max_age=age_s, duplicate_window=min(stream.duplicate_window, age_s)
    )
