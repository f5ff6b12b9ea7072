"""The servers behind one Curvetape: those configured, and an embedded one for each that is not."""

import asyncio
from collections.abc import Callable

import msgspec

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.server import EmbeddedServer
from adapters.embedded.valkey import ValkeyServer
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.home import Home

WATCH_WAIT_S = 0.2
HEALTH_WAIT_S = 5.0
COMPLAINTS_MAX = 3
"""So often in a row a server has to say that it is not well before it is ended: by then it has had
its time to recover, and ingest still waits for it."""

Say = Callable[[str], None]


class Servers:
    """Starts what is not configured elsewhere and starts it again when it dies."""

    def __init__(self, settings: Settings, home: Home, say: Say) -> None:
        self._settings = settings
        self._home = home
        self._say = say
        self._embedded: list[EmbeddedServer] = []
        self._complaints: dict[str, int] = {}
        """How often in a row each has said that it is not well since it last came up."""
        self._starting: EmbeddedServer | None = None
        """The one that is being started again: it says that it is not well until it is ready."""

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every embedded server that runs."""
        return {server.name: server.pid for server in self._embedded if server.pid is not None}

    async def start(self) -> Settings:
        """Start them all at once; the settings with the addresses of what was started."""
        settings, home = self._settings, self._home
        nats = NatsServer(home.data("nats"), config=definitions() / "server.conf")
        valkey = ValkeyServer(home.data("valkey"))
        postgres = PostgresServer(home.data("postgres"))
        wanted = [
            (nats, settings.nats_url),
            (valkey, settings.redis_url),
            (postgres, settings.postgres_dsn),
        ]
        self._embedded = [server for server, address in wanted if address is None]
        async with asyncio.TaskGroup() as starting:
            for server in self._embedded:
                starting.create_task(server.start())
        for server, address in wanted:
            where = f"embedded, process {server.pid}" if address is None else "as configured"
            self._say(f"{server.name}: {where}")
        if settings.nats_url is None:
            settings = msgspec.structs.replace(
                settings, nats_url=nats.url, nats_monitor_url=nats.monitor_url
            )
        if settings.redis_url is None:
            settings = msgspec.structs.replace(settings, redis_url=valkey.url)
        if settings.postgres_dsn is None:
            settings = msgspec.structs.replace(settings, postgres_dsn=postgres.url)
        return settings

    async def stop(self) -> None:
        """End what was started here."""
        await asyncio.gather(*(server.stop() for server in self._embedded))

    async def keep_running(self) -> None:
        """Start again what has died or is not well; fails, in a group, with the server's error."""
        async with asyncio.TaskGroup() as watching:
            watching.create_task(self._revive())
            watching.create_task(self._cure())

    async def _revive(self) -> None:
        while True:
            for server in self._embedded:
                if not server.running:
                    self._say(f"{server.name} has died; starting it again, see {server.log}")
                    self._starting = server
                    await server.start()
                    self._starting = None
                    self._complaints.pop(server.name, None)
            await asyncio.sleep(WATCH_WAIT_S)

    async def _cure(self) -> None:
        """End what says, again and again, that it is not well; it is revived then."""
        while True:
            await asyncio.sleep(HEALTH_WAIT_S)
            for server in self._embedded:
                if not server.running or server is self._starting:
                    continue
                reason = await server.ailing()
                if server is self._starting:  # it has died meanwhile
                    continue
                said = 0 if reason is None else self._complaints.get(server.name, 0) + 1
                self._complaints[server.name] = said % COMPLAINTS_MAX
                if said == COMPLAINTS_MAX:
                    self._say(f"{server.name} is not well and is ended: {reason}")
                    server.kill()
