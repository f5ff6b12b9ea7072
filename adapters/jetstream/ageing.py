"""Lets a stream go of its oldest messages although nobody may delete from it."""

import dataclasses

import msgspec
import nats.errors
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import APIError

from adapters.jetstream.connection import Connection
from adapters.jetstream.patience import patiently
from domain.log import LogError, LogUnavailableError


class Extent(msgspec.Struct, frozen=True):
    """From where to where a stream holds messages."""

    first_sequence: int
    last_sequence: int


async def extent(connection: Connection, stream: str) -> Extent:
    """What a stream holds; raises `LogUnavailableError`."""
    return await patiently(connection, lambda: _extent(connection, stream))


async def lift_limit(connection: Connection, stream: str) -> bool:
    """Take a limit away that `let_go` had no time to take away; says whether there was one.

    Raises `LogUnavailableError`.
    """
    return await patiently(connection, lambda: _lift(connection, stream))


async def let_go(connection: Connection, stream: str, *, up_to: int, spare: int) -> Extent:
    """Drop all messages up to a sequence, and say what the stream holds then.

    A stream that denies deletes and purges still obeys its own limit of messages when this is
    set. It is set for a moment, and taken away again; until then the oldest message goes for each
    one that is appended. So `spare` says how many behind `up_to` could be missed as well: this
    raises `LogError` if more than that went, which is only possible if the limit outlived its
    moment by as many appends.
    """
    now = await extent(connection, stream)
    kept = now.last_sequence - up_to
    if up_to < now.first_sequence or kept <= 0:
        return now
    try:
        await patiently(connection, lambda: _limit(connection, stream, kept))
    finally:
        await lift_limit(connection, stream)
    left = await extent(connection, stream)
    if left.first_sequence > up_to + spare + 1:
        raise LogError(
            f"{stream} begins at {left.first_sequence}, behind {up_to + spare}, up to where it "
            "could be spared; what is between is neither there nor known to be elsewhere"
        )
    return left


async def _limit(connection: Connection, stream: str, messages: int) -> None:
    config = await _config(connection, stream)
    await _update(
        connection, dataclasses.replace(config, max_msgs=messages, discard=DiscardPolicy.OLD)
    )


async def _lift(connection: Connection, stream: str) -> bool:
    config = await _config(connection, stream)
    if config.discard == DiscardPolicy.NEW and (config.max_msgs or -1) < 0:
        return False
    await _update(connection, dataclasses.replace(config, max_msgs=-1, discard=DiscardPolicy.NEW))
    return True


async def _update(connection: Connection, config: StreamConfig) -> None:
    try:
        await connection.jetstream.update_stream(config)
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{config.name} was not updated: {error!r}") from error


async def _config(connection: Connection, stream: str) -> StreamConfig:
    try:
        return (await connection.jetstream.stream_info(stream)).config
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{connection.url} gave no stream {stream}: {error!r}") from error


async def _extent(connection: Connection, stream: str) -> Extent:
    try:
        state = (await connection.jetstream.stream_info(stream)).state
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{connection.url} gave no stream {stream}: {error!r}") from error
    return Extent(state.first_seq, state.last_seq)
