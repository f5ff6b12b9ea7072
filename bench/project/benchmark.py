"""`project`: all read models from the log in one process, beside the library's projection runner.

Rates are by the clock: the reading process, nats-server and PostgreSQL work at the same time.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from adapters.postgres.pool import NO_CONNECTIONS
from bench.rebuild import archive
from bench.rebuild.library import library_environment
from bench.rebuild.spent import Spent
from bench.result import Result, say
from bench.worker import Worker
from curvetape.bootstrap import read_models
from curvetape.definitions import definitions

ROUNDS = 5
EVENTS = 40_000
"""How many the log holds, certificates apart; each round projects all of them."""
PEER_EVENTS = 500
"""How many the library projects in a round: it takes far longer for each."""

Round: TypeAlias = dict[str, float]


def run() -> Result:
    """Fill a log, ask both sides in turn, and compare."""
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> Result:
    file = archive.originals(folder)
    async with AsyncExitStack() as stack:
        nats = NatsServer(folder / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        async with await Connection.open(nats.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        server = await stack.enter_async_context(PostgresServer(folder / "postgres"))
        module = [sys.executable, "-m", "bench.project.ours"]
        ours = Worker([*module, nats.url, nats.monitor_url, server.url, str(file)])
        stack.enter_context(ours)
        library = ["env", *library_environment(server.url), sys.executable]
        peer = Worker([*library, "-m", "bench.rebuild.peer", str(file)])
        stack.enter_context(peer)
        assert server.pid is not None, "it runs"
        assert nats.pid is not None, "it runs"
        servers = {"postgres": Spent(server.pid), "nats_server": Spent(nats.pid)}
        return await asyncio.to_thread(_measured, ours, peer, servers)


def _measured(ours: Worker, peer: Worker, servers: dict[str, Spent]) -> Result:
    say(f"appending {EVENTS:,} events ...")
    events = ours.ask({"ask": "fill", "count": EVENTS})
    found: tuple[list[Round], list[Round]] = ([], [])
    for number in range(ROUNDS + 1):  # the first one warms both sides and counts for nothing
        sides: list[tuple[Worker, dict[str, object]]] = [
            (ours, {"ask": "project"}),
            (peer, {"count": PEER_EVENTS}),
        ]
        ours.ask({"ask": "prepare"})
        for (side, question), rounds in zip(sides, found, strict=True):
            before = {name: it.cpu_s() for name, it in servers.items()}
            answer = side.ask(question)
            for name, it in servers.items():
                answer[name] = (it.cpu_s() - before[name]) / answer["events"] * 1e6
            answer["process"] = answer["cpu_s"] / answer["events"] * 1e6
            rounds.append(answer)
        assert found[0][-1]["events"] == events, "each round projects all"
        found[0][-1] |= ours.ask({"ask": "rows"})
        say(
            f"round {number} of {ROUNDS}, events/s: ours {_per_s(found[0][-1]):,.0f},"
            f" the library {_per_s(found[1][-1]):,.1f}"
        )
    parts = ours.ask({"ask": "parts"})
    return _result(found[0][1:], found[1][1:], parts)


def _result(ours: Sequence[Round], peer: Sequence[Round], parts: dict[str, float]) -> Result:
    ratios = [_per_s(mine) / _per_s(theirs) for mine, theirs in zip(ours, peer, strict=True)]
    cpu_us = _cpu_us(ours)
    return Result(
        name="project",
        value=round(statistics.median(map(_per_s, ours))),
        unit="events/s from the log to all read models",
        peer=(
            f"eventsourcing {version('eventsourcing')}: ProjectionRunner with its PostgreSQL"
            " recorders, candles alone"
        ),
        peer_value=round(statistics.median(map(_per_s, peer)), 1),
        ratio=round(statistics.median(ratios), 1),
        details={
            "ratio_min": round(min(ratios), 1),
            "ratio_max": round(max(ratios), 1),
            "rounds": ROUNDS,
            "value_max": round(max(map(_per_s, ours))),
            "cpu_us_per_event": cpu_us,
            "cpu_us_per_event_of_the_process": {
                **{name: round(value, 1) for name, value in parts.items()},
                "saving_and_the_rest": round(cpu_us["process"] - sum(parts.values()), 1),
            },
            "peer_cpu_us_per_event": _cpu_us(peer),
            "read_models": [it.projection.name for it in read_models(NO_CONNECTIONS)],
            "events": ours[0]["events"],
            "rows_of_trades": ours[0]["trades"],
            "peer_events_per_round": PEER_EVENTS,
            "clock": "time by the clock, to the end of the log",
        },
    )


def _cpu_us(rounds: Sequence[Round]) -> dict[str, float]:
    return {
        name: round(statistics.median(each[name] for each in rounds), 1)
        for name in ("process", "postgres", "nats_server")
    }


def _per_s(found: Round) -> float:
    return found["events"] / found["seconds"]
