"""The server's streams beside their definitions: applied, compared, listed."""

import asyncio
import dataclasses
from collections.abc import Sequence
from enum import Enum
from typing import Literal

import msgspec
import nats.errors
from nats.js.api import StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import StreamDefinition
from domain.log import LogError, LogUnavailableError

NO_STORE = 10049
CREATE_TRIES_MAX = 40
CREATE_WAIT_S = 0.05
"""A server that has just deleted a stream of the name may still be removing it from its disk."""


class Difference(msgspec.Struct, frozen=True):
    """A field that is not on the server as it is defined; `stream` stands for all of them."""

    stream: str
    field: str
    defined: object
    found: object


class Applied(msgspec.Struct, frozen=True):
    """What applying a definition did."""

    stream: str
    outcome: Literal["created", "updated", "unchanged"]


class StreamState(msgspec.Struct, frozen=True):
    """What a stream holds."""

    stream: str
    subjects: Sequence[str]
    messages: int
    bytes: int
    first_sequence: int
    last_sequence: int


class StreamRefusedError(LogError):
    """The server refuses a stream's definition; most often a field that cannot change any more."""

    def __init__(self, stream: str, reason: str, differences: Sequence[Difference]) -> None:
        changes = "".join(
            f"\n  {it.field}: defined {it.defined!r}, was {it.found!r}" for it in differences
        )
        super().__init__(
            f"the server refuses the stream {stream}: {reason}{changes}\n"
            f"Set the definition back, or copy the stream into a new one."
        )
        self.stream = stream
        self.differences = differences


async def apply(connection: Connection, definitions: Sequence[StreamDefinition]) -> list[Applied]:
    """Create or update every stream; doing it again changes nothing.

    Raises `StreamRefusedError` at the first one that the server does not take.
    """
    return [await _apply(connection, definition) for definition in definitions]


async def diff(connection: Connection, definitions: Sequence[StreamDefinition]) -> list[Difference]:
    """Where the server differs from the definitions, field by field.

    A missing stream is one difference. So is a field that no definition speaks of but that
    somebody has set on the server, such as `persist_mode`.
    """
    differences: list[Difference] = []
    for definition in definitions:
        found = await _find(connection, definition.name)
        if found is None:
            differences.append(Difference(definition.name, "stream", "defined", None))
        else:
            differences += _differences(definition, found.config)
    return differences


async def states(connection: Connection) -> list[StreamState]:
    """What every stream of the server holds, in the order of their names."""
    try:
        infos = list(await connection.jetstream.streams_info_iterator())
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{connection.url} listed no streams: {error!r}") from error
    return sorted((_state(info) for info in infos), key=lambda state: state.stream)


async def _apply(connection: Connection, definition: StreamDefinition) -> Applied:
    found = await _find(connection, definition.name)
    differences = [] if found is None else _differences(definition, found.config)
    if found is not None and not differences:
        return Applied(definition.name, "unchanged")
    try:
        if found is None:
            await _create(connection, definition.config())
        else:
            await connection.jetstream.update_stream(definition.config())
    except APIError as error:
        raise StreamRefusedError(definition.name, str(error.description), differences) from error
    except nats.errors.Error as error:
        raise LogUnavailableError(f"{definition.name} was not applied: {error!r}") from error
    return Applied(definition.name, "created" if found is None else "updated")


async def _create(connection: Connection, config: StreamConfig) -> None:
    for tries_left in reversed(range(CREATE_TRIES_MAX)):
        try:
            await connection.jetstream.add_stream(config)
        except APIError as error:
            if error.err_code != NO_STORE or not tries_left:
                raise
            await asyncio.sleep(CREATE_WAIT_S)
        else:
            return


async def _find(connection: Connection, name: str) -> StreamInfo | None:
    try:
        return await connection.jetstream.stream_info(name)
    except NotFoundError:
        return None
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{connection.url} gave no stream {name}: {error!r}") from error


def _differences(definition: StreamDefinition, found: StreamConfig) -> list[Difference]:
    defined = definition.config()
    differences = []
    for field in dataclasses.fields(StreamConfig):
        ours = _plain(getattr(defined, field.name))
        theirs = _plain(getattr(found, field.name))
        if ours != theirs:
            differences.append(Difference(definition.name, field.name, ours, theirs))
    return differences


def _plain(value: object) -> object:
    """A setting as JSON has it; all ways in which a server leaves one out are None."""
    if isinstance(value, Enum):
        value = value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {key: part for key, part in dataclasses.asdict(value).items() if part}
    if isinstance(value, dict):  # the server notes its own version and level in the metadata
        value = {key: part for key, part in value.items() if not str(key).startswith("_nats.")}
    return value or None


def _state(info: StreamInfo) -> StreamState:
    return StreamState(
        stream=info.config.name or "",
        subjects=info.config.subjects or [],
        messages=info.state.messages,
        bytes=info.state.bytes,
        first_sequence=info.state.first_seq,
        last_sequence=info.state.last_seq,
    )
