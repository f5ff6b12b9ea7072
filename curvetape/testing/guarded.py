"""A NATS server with the product's users, for tests of what each of them may do."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.embedded.nats import NatsServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from curvetape.definitions import definitions

USERS = ("ingest", "projector", "describer", "aggregates", "operator", "integrator")
RAW_HOURS = 1.0


class GuardedNats(NatsServer):
    """A server configured by `nats/accounts.conf`; every user has a password of its own."""

    def url_of(self, user: str) -> str:
        """The server's address with a user's name and password in it."""
        return self.url.replace("://", f"://{user}:{_password(user)}@")

    def _environment(self) -> Mapping[str, str]:
        passwords = {f"NATS_{user.upper()}_PASSWORD": _password(user) for user in USERS}
        return {**super()._environment(), **{key: json.dumps(it) for key, it in passwords.items()}}


@asynccontextmanager
async def guarded_nats_in(folder: Path) -> AsyncIterator[GuardedNats]:
    """A server with users and with all streams, which its operator has applied."""
    async with GuardedNats(folder, config=definitions() / "accounts.conf") as server:
        async with await Connection.open(server.url_of("operator")) as connection:
            await apply(connection, load(definitions() / "streams.toml", raw_hours=RAW_HOURS))
        yield server


def _password(user: str) -> str:
    return f"1{user}-secret"
