"""What a user of the log's server is let do: everything is tried, and the server's word counts."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.streams import states
from curvetape.testing.events import curve_traded
from curvetape.testing.guarded import GuardedNats, guarded_nats_in
from curvetape.testing.log import entries
from curvetape.testing.waiting import until

SECRET = "users.alerts.events.a"  # noqa: S105  # a subject, on which a secret is
DESCRIBED = "pump.token.described.m"
ANSWER_WAIT_S_MAX = 2.0
_FORBIDDEN = re.compile(r'permissions violation for publish to "([^"]+)"')


@pytest.fixture
async def guarded(server_folder: Path) -> AsyncIterator[GuardedNats]:
    """A server with users, all streams, and an event, a letter and a user's secret in them."""
    async with guarded_nats_in(server_folder / "nats") as server:
        async with user(server, "operator") as (operator, _):
            await operator.jetstream().publish(SECRET, b"secret")
            await operator.jetstream().publish("dead.decode.p", b"{}")
        async with await Connection.open(server.url_of("ingest")) as connection:
            appender = await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
            await appender.append(entries([curve_traded(1, "m"), curve_traded(2, "m")]))
            appender.close()
        yield server


@asynccontextmanager
async def user(server: GuardedNats, name: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A user's connection, and what the server has complained of on it."""
    said: list[str] = []

    async def hear(error: Exception) -> None:
        said.append(str(error))

    client = await nats.connect(server.url_of(name), error_cb=hear)
    try:
        yield client, said
    finally:
        await client.close()


async def contents(server: GuardedNats) -> dict[str, tuple[int, int]]:
    """By stream, how many messages there are and the last sequence, so any change shows."""
    async with await Connection.open(server.url_of("operator")) as connection:
        return {it.stream: (it.messages, it.last_sequence) for it in await states(connection)}


async def complaints(said: list[str], count: int) -> None:
    """Wait until the server has complained so often: the client reports it a little later."""

    async def there() -> bool:
        return len(said) >= count

    await until(there, wait_s_max=ANSWER_WAIT_S_MAX)


async def permitted(
    client: Client, said: list[str], subjects: Sequence[str], payload: bytes = b"{}"
) -> list[str]:
    """On which of the subjects the server lets the user say something."""
    for subject in subjects:
        await client.publish(subject, payload)
    await client.flush()
    with suppress(TimeoutError):
        await complaints(said, len(subjects))
    forbidden = {found[1] for each in said if (found := _FORBIDDEN.search(each))}
    return [subject for subject in subjects if subject.lower() not in forbidden]


def api(*operations: str) -> list[str]:
    """The subjects of JetStream's own operations."""
    return [f"$JS.API.{operation}" for operation in operations]


CHANGES = [
    "pump.curve.traded.m",
    "pump.slot.confirmed",
    DESCRIBED,
    "dead.decode.p",
    "raw.block",
    SECRET,
    *api(
        *(
            f"STREAM.{verb}.{stream}"
            for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE")
            for stream in ("PUMP", "DEAD", "RAW", "USERS", "NEW")
        ),
        "STREAM.LEADER.STEPDOWN.PUMP",
        "CONSUMER.PAUSE.PUMP.c",
        "META.LEADER.STEPDOWN",
        "SERVER.REMOVE",
        "ACCOUNT.PURGE.LOG",
    ),
]
"""Everything that would change something, or add to it."""
LOOKS = api(
    *(
        f"{verb}.{stream}"
        for stream in ("DEAD", "RAW", "USERS")
        for verb in ("STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE")
    ),
    f"DIRECT.GET.USERS.{SECRET}",
    f"CONSUMER.CREATE.USERS.c.{SECRET}",
    "CONSUMER.MSG.NEXT.USERS.c",
    "STREAM.NAMES",
    "STREAM.LIST",
)
"""Everything that would show what is not the chain's."""
