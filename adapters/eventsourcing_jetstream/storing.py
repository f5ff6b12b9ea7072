"""Storing messages: one by itself, several as an atomic batch (ADR-50)."""

import json
from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import DataError, OperationalError

from .client import (
    AGAIN,
    ANSWER_WAIT_S_MAX,
    Client,
    error_code,
    status,
)
from .replies import UnansweredError

BATCH_MESSAGES_MAX = 1_000
"""The server's own limit on what is stored together."""
BATCH_BYTES_MAX = 32 * 1024 * 1024
HEADROOM_BYTES = 256
"""The headers of a batch, at most."""
CONFLICTS = {10071, 10164}
"""A subject's last sequence was not the expected one; the second where a batch has it twice."""


class ConflictError(Exception):
    """A subject's last sequence is not the one that was expected."""


class Message:
    """What is to be stored on a subject, and after which sequence on it."""

    __slots__ = ("follows", "headers", "payload", "subject")

    def __init__(
        self, subject: str, payload: bytes, headers: dict[str, str], follows: int | None
    ) -> None:
        self.subject = subject
        self.payload = payload
        self.headers = headers
        self.follows = follows
        """The subject's last sequence, 0 for none; not for a batch's second on the subject."""


async def store(client: Client, messages: Sequence[Message], *, batch_id: str) -> int:
    """Store the messages together or not at all; the sequence of the last one.

    They get sequences that follow each other. Raises `ConflictError` where a subject's last
    sequence is another, and `UnansweredError` where it may have been stored or not.
    """
    connection = await client.connected()
    _check(messages, payload_bytes_max=connection.max_payload)
    single = len(messages) == 1
    async with client.under_way, client.expect(ends_with_first=True) as reply:
        for number, message in enumerate(messages, 1):
            headers = message.headers
            if message.follows is not None:
                headers["Nats-Expected-Last-Subject-Sequence"] = str(message.follows)
            if not single:
                headers["Nats-Batch-Id"] = batch_id
                headers["Nats-Batch-Sequence"] = str(number)
            target = ""
            if number == len(messages):
                target = reply.subject
                if not single:
                    headers["Nats-Batch-Commit"] = "1"
            await connection.publish(message.subject, message.payload, target, headers)
        (answer,) = await reply.all(ANSWER_WAIT_S_MAX)
    if status(answer) == "503":
        await client.api(f"STREAM.INFO.{client.settings.stream}", {})
        raise UnansweredError(f"no stream takes {messages[0].subject}")
    return _stored(client.settings.stream, json.loads(answer.data))


def _stored(stream: str, answer: dict[str, Any]) -> int:
    code = error_code(answer)
    if code in CONFLICTS:
        raise ConflictError(answer["error"]["description"])
    if code in AGAIN:
        raise UnansweredError(answer["error"]["description"])
    if code:
        raise OperationalError(f"{stream} did not take it: {answer['error']['description']}")
    sequence: int = answer["seq"]
    return sequence


def _check(messages: Sequence[Message], *, payload_bytes_max: int) -> None:
    if len(messages) > BATCH_MESSAGES_MAX:
        raise DataError(
            f"one call stores at most {BATCH_MESSAGES_MAX} messages (events, and one for a"
            f" tracking record), was {len(messages)}; save less at a time"
        )
    total_bytes = 0
    for message in messages:
        headers_bytes = sum(len(key) + len(value) + 4 for key, value in message.headers.items())
        size = len(message.payload) + headers_bytes + HEADROOM_BYTES
        if size > payload_bytes_max:
            raise DataError(
                f"an event took {size} bytes, and the server's max_payload is {payload_bytes_max}"
            )
        total_bytes += size
    if total_bytes > BATCH_BYTES_MAX:
        raise DataError(
            f"one call stores at most {BATCH_BYTES_MAX} bytes, was {total_bytes};"
            " save less at a time"
        )
