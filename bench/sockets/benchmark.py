"""`sockets`: trades of the market to everyone, beside Node's socket.io with a Redis adapter.

Rates are per second of CPU time of the process that serves the connections: whoever sends the
trades, and whoever receives them, are processes beside it and share the machine with it.
"""

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.valkey import ValkeyServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from adapters.postgres.migrations import migrate
from api.live.feed import Feed
from api.live.message import MARKET
from bench.append import events
from bench.node import install
from bench.rebuild import archive
from bench.result import RefusedError, Result, say
from bench.sockets import servers
from bench.sockets.servers import Addresses, Server
from bench.worker import Worker
from curvetape.definitions import definitions
from curvetape.testing.events import recorded
from domain.events import CurveTraded, encode

ROUNDS = 3
STAGES: Sequence[tuple[int, int]] = ((1_000, ROUNDS), (5_000, 1), (10_000, 1))
"""So many connections, in so many rounds."""
STEADY_PER_S = 50_000
"""Deliveries that both sides can make: what each of them costs."""
FLOOD_PER_S = 1_000_000
"""More than either can make with a core, or nearly: how many they make."""
SENDING_S = 8.0
SETTLING_S = 3.0
"""So long nothing comes once all has come."""
ARRIVING_S_MAX = 120.0
"""What was sent and has not come so long after the last was sent is lost."""
HOP_CONNECTIONS = 1_000
HOP_PER_S = 20
"""Trades, while the time to the client is measured."""
TRADES = 30_000
"""Enough for all rounds: each is sent once by each side."""


class Open(Protocol):
    """Starts a server."""

    def __call__(self, addresses: Addresses) -> AbstractContextManager[Server]:
        """The server, until it is left."""
        ...


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and who sends to it."""

    name: str
    open: Open
    sender: Worker


class Hop(NamedTuple):
    """Of a trade to a client, in milliseconds."""

    arrived_ms: float
    """Until the client's socket had it."""
    read_ms: float
    """Until the process with all clients had got round to reading it."""


class Measured(msgspec.Struct, kw_only=True):
    """One side in one round."""

    connections: int
    steady_us: float
    """CPU time of a delivery."""
    flood_per_cpu_s: float
    flood_per_s: float
    bytes_per_connection: float
    connect_s: float
    hops: list[Hop]


def run() -> Result:
    """Ask both sides in turn, with more and more connections."""
    install()
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> Result:
    trades = _trades(folder)
    async with AsyncExitStack() as stack:
        nats = NatsServer(folder / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        async with await Connection.open(nats.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        postgres = await stack.enter_async_context(PostgresServer(folder / "postgres"))
        await migrate(postgres.url)
        valkey = await stack.enter_async_context(ValkeyServer(folder / "valkey"))
        addresses = Addresses(
            nats=nats.url,
            nats_monitor=nats.monitor_url,
            postgres=postgres.url,
            redis=valkey.url,
        )
        return await asyncio.to_thread(_measure, addresses, *trades)


def _trades(folder: Path) -> tuple[Path, Path, Sequence[str]]:
    """Trades as events, and as what everyone is told of them; the same in both files; their ids."""
    traded = [it for it in events.read(archive.originals(folder)) if isinstance(it, CurveTraded)]
    copies = itertools.islice(
        itertools.chain.from_iterable(events.marked(traded, f"t{n}t") for n in itertools.count()),
        TRADES,
    )
    every = list(copies)
    log, told = folder / "trades.jsonl", folder / "bodies.jsonl"
    log.write_bytes(b"\n".join(encode(each) for each in every))
    messages = Feed().take(recorded(every))
    told.write_bytes(b"\n".join(each.body for each in messages if each.room == MARKET))
    return log, told, [each.id for each in every]


def _measure(addresses: Addresses, log: Path, told: Path, ids: Sequence[str]) -> Result:
    found: dict[str, list[Measured]] = {"ours": [], "node": []}
    with ExitStack() as stack:
        feeder = stack.enter_context(servers.feeder(addresses, log))
        emitter = stack.enter_context(servers.emitter(addresses, told))
        crowd = stack.enter_context(Worker([sys.executable, "-m", "bench.sockets.clients"]))
        sides = (
            Side(name="ours", open=servers.ours, sender=feeder),
            Side(name="node", open=servers.node, sender=emitter),
        )
        sent = {side.name: 0 for side in sides}
        for connections, rounds in STAGES:
            for number in range(rounds):
                for side in sides:
                    one = _Round(
                        addresses, side, crowd, connections, ids=ids, first=sent[side.name]
                    )
                    measured = one.measure()
                    sent[side.name] = one.sent
                    found[side.name].append(measured)
                    say(
                        f"{side.name}, {connections:,} connections, round {number + 1} of {rounds}:"
                        f" {measured.flood_per_cpu_s:,.0f} deliveries per second of CPU,"
                        f" {measured.flood_per_s:,.0f} by the clock; {measured.steady_us:.1f} us of"
                        f" CPU each at {STEADY_PER_S:,}/s;"
                        f" {measured.bytes_per_connection / 1_000:,.0f} kB a connection"
                    )
    return _result(found["ours"], found["node"])


class _Round:
    """One server, from its start to its end."""

    def __init__(
        self,
        addresses: Addresses,
        side: Side,
        crowd: Worker,
        connections: int,
        *,
        ids: Sequence[str],
        first: int,
    ) -> None:
        self._addresses = addresses
        self._side = side
        self._crowd = crowd
        self._connections = connections
        self._ids = ids
        self.sent = first

    def measure(self) -> Measured:
        """Connect all, send steadily, then as much as it takes, and leave."""
        with self._side.open(self._addresses) as server:
            time.sleep(SETTLING_S)
            before = server.resident_bytes()
            asked = {"ask": "connect", "port": server.port, "count": self._connections}
            connect_s = self._crowd.ask(asked)
            self._until_quiet()
            bytes_per_connection = (server.resident_bytes() - before) / self._connections
            hops = self._hops() if self._connections == HOP_CONNECTIONS else []
            steady, steady_cpu_s, _ = self._send(server, STEADY_PER_S // self._connections)
            flood, flood_cpu_s, seconds = self._send(server, FLOOD_PER_S // self._connections)
            self._crowd.ask({"ask": "leave"})
        return Measured(
            connections=self._connections,
            steady_us=steady_cpu_s / steady * 1e6,
            flood_per_cpu_s=flood / flood_cpu_s,
            flood_per_s=flood / seconds,
            bytes_per_connection=bytes_per_connection,
            connect_s=connect_s,
            hops=hops,
        )

    def _send(self, server: Server, per_second: int) -> tuple[int, float, float]:
        """Deliveries while trades were sent, the server's CPU time, and how long that took."""
        before, cpu_s = self._crowd.ask({"ask": "trades"}), server.cpu_s()
        began = time.monotonic()
        self._ask_sender(per_second, SENDING_S)
        trades = self._crowd.ask({"ask": "trades"}) - before
        spent, seconds = server.cpu_s() - cpu_s, time.monotonic() - began
        self._until_all_came(before, per_second)
        return trades, spent, seconds

    def _until_quiet(self) -> None:
        """Until nothing more comes of what the server read of the log when it started."""
        before = None
        while (now := self._crowd.ask({"ask": "trades"})) != before:
            before = now
            time.sleep(SETTLING_S)

    def _until_all_came(self, before: int, per_second: int) -> None:
        """Until every client has every trade: a side that loses some has not done the same."""
        expected = before + round(per_second * SENDING_S) * self._connections
        end = time.monotonic() + ARRIVING_S_MAX
        while (came := self._crowd.ask({"ask": "trades"})) < expected:
            if time.monotonic() > end:
                raise RefusedError(
                    f"{self._side.name}: {expected - came:,} of {expected - before:,} deliveries"
                    f" have not come within {ARRIVING_S_MAX:g} s; let the machine do less beside"
                )
            time.sleep(0.2)

    def _hops(self) -> list[Hop]:
        """From when a trade was there to be told until a client had it, and until it was read."""
        self._crowd.ask({"ask": "sample"})
        first, before = self.sent, self._crowd.ask({"ask": "trades"})
        sent = self._ask_sender(HOP_PER_S, SENDING_S)
        self._until_all_came(before, HOP_PER_S)
        came: list[dict[str, list[float]]] = self._crowd.ask({"ask": "arrivals"})
        ids = self._ids[first : self.sent]
        there = sent.get("stored", sent["sent"])
        # What a client had before the answer to the append was here took no time behind it.
        return [
            Hop(*(max(0.0, when - at) for when in of_client[id_]))
            for of_client in came
            for id_, at in zip(ids, there, strict=True)
        ]

    def _ask_sender(self, per_second: int, seconds: float) -> dict[str, list[float]]:
        count = round(per_second * seconds)
        question: dict[str, object] = {"first": self.sent, "count": count, "per_second": per_second}
        answer: dict[str, list[float]] = self._side.sender.ask(question)
        self.sent += count
        return answer


def _result(ours: Sequence[Measured], peer: Sequence[Measured]) -> Result:
    fewest = STAGES[0][0]
    pairs = [
        (mine, theirs)
        for mine, theirs in zip(ours, peer, strict=True)
        if mine.connections == fewest
    ]
    ratios = [mine.flood_per_cpu_s / theirs.flood_per_cpu_s for mine, theirs in pairs]
    return Result(
        name="sockets",
        value=round(statistics.median(mine.flood_per_cpu_s for mine, _ in pairs)),
        unit=f"deliveries per second of the server's CPU, {fewest:,} connections",
        peer="socket.io 4 on Node.js with its Redis adapter",
        peer_value=round(statistics.median(theirs.flood_per_cpu_s for _, theirs in pairs)),
        ratio=round(statistics.median(ratios), 2),
        details={
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
            "rounds": len(pairs),
            **_hops_of(ours),
            **{f"peer_{name}": value for name, value in _hops_of(peer).items()},
            "bytes_per_connection": _at_most(ours)["bytes_per_connection"],
            "peer_bytes_per_connection": _at_most(peer)["bytes_per_connection"],
            "by_connections": {
                "ours": [_stage(ours, connections) for connections, _ in STAGES],
                "peer": [_stage(peer, connections) for connections, _ in STAGES],
            },
            "hop": "from the answer to the append, or from the call of the emitter, until a"
            " client's socket has it; hop_read: until the process with all clients has read it",
            "clock": "CPU time of the serving process; hops and by_clock by the clock",
        },
    )


def _stage(rounds: Sequence[Measured], connections: int) -> dict[str, float]:
    those = [each for each in rounds if each.connections == connections]

    def median(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in those))

    return {
        "connections": connections,
        "flood_per_cpu_s": round(median("flood_per_cpu_s")),
        "flood_by_clock_per_s": round(median("flood_per_s")),
        "steady_cpu_us_per_delivery": round(median("steady_us"), 2),
        "bytes_per_connection": round(median("bytes_per_connection")),
        "connect_s": round(median("connect_s"), 1),
    }


def _at_most(rounds: Sequence[Measured]) -> dict[str, float]:
    return _stage(rounds, STAGES[-1][0])


def _hops_of(rounds: Sequence[Measured]) -> dict[str, float]:
    hops = [hop for each in rounds for hop in each.hops]

    def within(share: float, whens: Iterable[float]) -> float:
        return round(sorted(whens)[int(share * (len(hops) - 1))], 2)

    return {
        "hop_p99_ms": within(0.99, (hop.arrived_ms for hop in hops)),
        "hop_median_ms": within(0.5, (hop.arrived_ms for hop in hops)),
        "hop_read_p99_ms": within(0.99, (hop.read_ms for hop in hops)),
        "hop_read_median_ms": within(0.5, (hop.read_ms for hop in hops)),
    }
