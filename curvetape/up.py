"""The whole product on one machine: servers, chain, ingest, read models and API, watched."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from adapters.embedded.ports import free_port
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.durability import prove_synced
from adapters.jetstream.known import last_event
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import apply
from adapters.postgres.migrations import migrate
from curvetape.archives import elsewhere
from curvetape.bootstrap import reading
from curvetape.config import Settings, environment
from curvetape.definitions import definitions
from curvetape.home import Chain, Home
from curvetape.ingesting import endpoints_of
from curvetape.metrics import address_of
from curvetape.roles import Role, Roles
from curvetape.servers import Servers
from domain.events import SlotConfirmed
from domain.log import EventLog, LogError, LogShorterError
from projections.reads import ProjectionPosition, ReadsUnavailableError

STATUS_WAIT_S = 5.0
PIDS_WAIT_S = 0.5
MEASURED = ("ingest", "project")
"""The roles that answer `/metrics`."""

Say = Callable[[str], None]


NAMED_MAX = 3
"""Read models that a status line names."""


class Up:
    """One run: `await run()` goes on until it is cancelled, and then ends all that it started."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._chain = chain_of(settings)
        self._home = Home(Path(settings.home), self._chain)

    async def run(self) -> None:
        """Start what is needed and tell how it goes; when cancelled, end it in reverse order."""
        with self._home.locked():
            self._home.claim(identity_of(self._settings))
            self._say(f"data and logs are in {shown(self._home.folder)}")
            try:
                await self._run()
            finally:
                self._say("stopped; everything that was acknowledged is on disk")

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            servers = Servers(self._settings, self._home, self._say)
            stack.push_async_callback(servers.stop)
            try:
                await self._start_and_watch(servers, stack)
            finally:
                self._say("stopping; a second Ctrl-C waits for nothing")

    async def _start_and_watch(self, servers: Servers, stack: AsyncExitStack) -> None:
        settings = await servers.start()
        await self._prepare(settings)
        settings = with_chain(settings)
        metrics = metrics_of(settings)
        roles = Roles(roles_of(settings, self._home, self._chain, metrics), self._say)
        stack.push_async_callback(roles.stop)
        roles.start()
        measured = {f"{name}_metrics": f"http://{at}/metrics" for name, at in metrics.items()}
        self._home.note_addresses(addresses_of(settings) | measured)
        self._welcome(settings)
        async with asyncio.TaskGroup() as watching:
            watching.create_task(servers.keep_running())
            watching.create_task(self._note_processes(servers, roles))
            watching.create_task(self._tell(settings))

    async def _prepare(self, settings: Settings) -> None:
        """Make streams and tables; refuse servers on which no role could do its work."""
        assert settings.nats_url is not None, "a server was started or configured"
        assert settings.postgres_dsn is not None, "a server was started or configured"
        async with await Connection.open(settings.nats_url, name="curvetape up") as connection:
            if not settings.allow_unsynced_log:
                await prove_synced(connection, settings.nats_monitor_url)
            defined = load(definitions() / "streams.toml", raw_hours=settings.raw_hours)
            for applied in await apply(connection, defined):
                if applied.outcome != "unchanged":
                    self._say(f"stream {applied.stream}: {applied.outcome}")
            migrated = await migrate(settings.postgres_dsn)
            for name in migrated.applied:
                self._say(f"schema: applied {name}")
            await _check_read_models(settings, JetStreamLog(connection))

    def _welcome(self, settings: Settings) -> None:
        where = f"http://{settings.api_host}:{settings.api_port}"
        source = {
            "live": f"the chain at {endpoints_named(settings)}",
            "recorded": f"recorded transactions from {settings.simulate_transactions}",
            "simulated": f"a simulated market, {settings.simulate_rate:g} transactions/s, "
            f"seed {settings.simulate_seed}",
        }[self._chain]
        self._say(f"reading {source}")
        for line in ways_to_try(where):
            self._say(line)
        self._say(f"addresses of all servers are in {shown(self._home.addresses_file)}")
        self._say("Ctrl-C stops everything; the next start goes on from here")

    async def _note_processes(self, servers: Servers, roles: Roles) -> None:
        noted: dict[str, int] = {}
        while True:
            if (pids := servers.pids | roles.pids) != noted:
                self._home.note_processes(pids)
                noted = pids
            await asyncio.sleep(PIDS_WAIT_S)

    async def _tell(self, settings: Settings) -> None:
        """Say every few seconds how far the log and each read model are."""
        assert settings.nats_url is not None, "a server was started or configured"
        async with (
            await Connection.open(settings.nats_url, name="curvetape up") as connection,
            reading(settings, application="curvetape up") as reads,
        ):
            log, letters = JetStreamLog(connection), JetStreamLog(connection, stream="DEAD")
            before = await log.last_sequence()
            while True:
                await asyncio.sleep(STATUS_WAIT_S)
                try:
                    last, dead = await log.last_sequence(), await letters.last_sequence()
                    positions = await reads.positions()
                    certified = await last_event(connection, SlotConfirmed)
                except (LogError, ReadsUnavailableError, OSError) as error:
                    self._say(f"no status just now: {error}")
                    continue
                rate = (last - before) / STATUS_WAIT_S
                unread = f"; {dead:,} dead letters in DEAD" if dead else ""
                sealed = "no slot sealed yet"
                if certified is not None:
                    sealed = f"sealed to slot {certified[1].slot}"
                models = behind(last, positions)
                self._say(f"log: {last:,} events, {rate:,.0f}/s, {sealed}; {models}{unread}")
                before = last


def ways_to_try(where: str) -> Sequence[str]:
    """What to open, and a line to copy for each way to ask."""
    follow = (
        f'require("socket.io-client").io("{where}").on("market:trade", console.log)'
        '.emit("subscribe:market")'
    )
    graph = '{"query":"{ tokens(first: 3) { nodes { symbol volume24h } } }"}'
    return (
        f"look at   {where}/status   the pipeline, live; {where}/ has all that can be asked",
        f"REST      curl '{where}/api/v1/tokens?limit=3'",
        f"GraphQL   curl {where}/graphql -H 'content-type: application/json' -d '{graph}'",
        f"Socket.IO npm install socket.io-client && node -e '{follow}'",
    )


async def _check_read_models(settings: Settings, log: EventLog) -> None:
    """Raise `LogShorterError` for read models of another log.

    Once this log has as many events they could no longer be told from its own.
    """
    async with reading(settings, application="curvetape up") as reads:
        positions = await reads.positions()
    last = await log.last_sequence()  # behind: others may append and project meanwhile
    for position in positions:
        if position.sequence > last:
            raise LogShorterError(position.sequence, last)


def endpoints_named(settings: Settings) -> str:
    """The configured endpoints without their secrets."""
    return ", ".join(endpoint.url for endpoint in endpoints_of(settings))


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def addresses_of(settings: Settings) -> dict[str, str]:
    """Where the servers and the API are, for clients of the user's own."""
    return {
        "api": f"http://{settings.api_host}:{settings.api_port}",
        "nats": settings.nats_url or "",
        "nats_monitor": settings.nats_monitor_url or "",
        "postgres": settings.postgres_dsn or "",
        "redis": settings.redis_url or "",
        "yellowstone": settings.yellowstone_url or "",
        "rpc": settings.rpc_url or "",
    }


def chain_of(settings: Settings) -> Chain:
    """Which chain these settings read."""
    if settings.yellowstone_url is not None:
        return "live"
    return "simulated" if settings.simulate_transactions is None else "recorded"


def identity_of(settings: Settings) -> dict[str, object]:
    """What a chain that we make ourselves depends on; nothing for a live one, there is but one."""
    if settings.yellowstone_url is not None:
        return {}
    if settings.simulate_transactions is not None:
        return {"transactions": str(Path(settings.simulate_transactions).resolve())}
    return {
        "seed": settings.simulate_seed,
        "rate": settings.simulate_rate,
        "genesis_time": settings.simulate_genesis_time_s,
    }


def with_chain(settings: Settings) -> Settings:
    """The settings with the simulated chain's addresses, where there is to be one."""
    if settings.yellowstone_url is not None:
        return settings
    settings = msgspec.structs.replace(
        settings,
        yellowstone_url=f"http://127.0.0.1:{free_port()}",
        rpc_url=f"http://127.0.0.1:{free_port()}",
    )
    if settings.simulate_transactions is not None:
        return settings
    metadata = f"127.0.0.1:{free_port()}"
    return msgspec.structs.replace(
        settings, ipfs_gateways=f"http://{metadata}/ipfs/", describe_allow=metadata
    )


def describes(settings: Settings, chain: Chain) -> bool:
    """Whether tokens' metadata is read: only a simulated market's without being asked to."""
    return chain == "simulated" if settings.describe is None else settings.describe


def metrics_of(settings: Settings) -> dict[str, str]:
    """Where each role answers `/metrics`: at ports in a row, or at free ones."""
    if settings.metrics_listen is None:
        return {name: f"127.0.0.1:{free_port()}" for name in MEASURED}
    host, port = address_of(settings.metrics_listen)
    return {name: f"{host}:{port + number}" for number, name in enumerate(MEASURED)}


def roles_of(
    settings: Settings, home: Home, chain: Chain, metrics: Mapping[str, str]
) -> list[Role]:
    """The processes to run, in the order in which data flows through them.

    `metrics` says by role where it answers `/metrics`.
    """
    commands = {"ingest": ["ingest"], "project": ["project"], "serve": ["serve"]}
    if describes(settings, chain):
        commands["describe"] = ["describe"]
    if chain != "live":
        commands = {"simulate": _simulate(settings, home), **commands}
    return [
        Role(
            name=name,
            arguments=[sys.executable, "-m", "curvetape", *arguments],
            environment=environment(
                msgspec.structs.replace(elsewhere(settings), metrics_listen=metrics.get(name))
            ),
            log=home.logs / f"{name}.log",
        )
        for name, arguments in commands.items()
    ]


def _simulate(settings: Settings, home: Home) -> list[str]:
    listen = (settings.yellowstone_url or "").removeprefix("http://")
    arguments = ["simulate", "--listen", listen]
    arguments += ["--rpc-listen", (settings.rpc_url or "").removeprefix("http://")]
    if settings.simulate_transactions is not None:
        return [*arguments, "--transactions", str(Path(settings.simulate_transactions).absolute())]
    if settings.describe_allow is not None:
        arguments += ["--metadata-listen", settings.describe_allow]
    arguments += ["--data", str(home.data("market")), "--seed", str(settings.simulate_seed)]
    arguments += ["--rate", f"{settings.simulate_rate:g}"]
    if settings.simulate_slots is not None:
        arguments += ["--slots", str(settings.simulate_slots)]
    if settings.simulate_genesis_time_s is not None:
        arguments += ["--genesis-time", str(settings.simulate_genesis_time_s)]
    return arguments


def behind(last: int, positions: Sequence[ProjectionPosition]) -> str:
    """How far read models are behind a log's end, and which of them are furthest."""
    # One may have read on since the log was asked for its end.
    lags = {each.name: max(0, last - each.sequence) for each in positions}
    if not lags:
        return "no read model yet"
    furthest = max(lags.values())
    names = [name for name, lag in lags.items() if lag == furthest]
    if len(names) == len(lags):
        return f"{len(lags)} read models {furthest:,} behind"
    named = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
    return f"{len(lags)} read models up to {furthest:,} behind ({named})"
