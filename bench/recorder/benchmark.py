"""`recorder`: events stored and read through JetStream, beside PostgreSQL and SQLite."""

import asyncio
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from bench.result import Result, say
from bench.worker import Worker
from curvetape.definitions import definitions

ROUNDS = 5
WARM_ROUNDS = 1
ASKED = {
    "together": 30,
    "thousands": 4,
    "pairs": 60,
    "singly": 150,
    "tracked_singly": 60,
    "read": 5_000,
    "subscribed": 5_000,
    "aggregates": 100,
}
"""How much of each is done in a round; the first stores more than is read."""
NOT_OFFERED = {("sqlite", "subscribed")}
"""The library's SQLite recorder has no subscriptions."""
UNITS = {
    "together": "events_by_100_per_s",
    "thousands": "events_by_1000_per_s",
    "pairs": "calls_of_2_events_per_s",
    "singly": "single_events_per_s",
    "tracked_singly": "single_events_with_tracking_per_s",
    "read": "events_read_and_decoded_per_s",
    "subscribed": "events_subscribed_and_decoded_per_s",
    "aggregates": "aggregates_of_100_events_per_s",
}


def run() -> Result:
    """Start the servers, ask all sides in turn, and compare."""
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> Result:
    async with AsyncExitStack() as stack:
        say("starting NATS and PostgreSQL, both with fsync before the answer ...")
        nats = NatsServer(folder / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        postgres = await stack.enter_async_context(PostgresServer(folder / "postgres"))
        sides = {
            name: stack.enter_context(_worker(environment))
            for name, environment in _environments(folder, nats, postgres).items()
        }
        rates = await asyncio.to_thread(_rates, sides)
    ratios = [
        ours / theirs
        for ours, theirs in zip(
            rates["jetstream"]["together"], rates["postgres"]["together"], strict=True
        )
    ]
    shown = {
        name: {UNITS[what]: round(statistics.median(found)) for what, found in of.items() if found}
        for name, of in rates.items()
    }
    return Result(
        name="recorder",
        value=shown["jetstream"][UNITS["together"]],
        unit="events/s stored 100 at a time",
        peer=f"the PostgreSQL recorder of eventsourcing {version('eventsourcing')}",
        peer_value=shown["postgres"][UNITS["together"]],
        ratio=round(statistics.median(ratios), 2),
        details={
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
            "rounds": ROUNDS,
            "clock": "wall clock, one caller",
            **shown,
        },
    )


def _environments(
    folder: Path, nats: NatsServer, postgres: PostgresServer
) -> dict[str, dict[str, str]]:
    address = urlsplit(postgres.url)
    return {
        "jetstream": {
            "PERSISTENCE_MODULE": "adapters.eventsourcing_jetstream",
            "JETSTREAM_URL": nats.url,
        },
        "postgres": {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": address.path[1:],
            "POSTGRES_HOST": address.hostname or "",
            "POSTGRES_PORT": str(address.port),
            "POSTGRES_USER": address.username or "",
            "POSTGRES_PASSWORD": address.password or "",
        },
        "sqlite": {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(folder / "sqlite.db"),
        },
    }


def _worker(environment: dict[str, str]) -> Worker:
    settings = [f"{name}={value}" for name, value in environment.items()]
    return Worker(["env", *settings, sys.executable, "-m", "bench.recorder.side"])


def _rates(sides: dict[str, Worker]) -> dict[str, dict[str, list[float]]]:
    """Each side's rates of each kind of work, round by round."""
    rates: dict[str, dict[str, list[float]]] = {
        name: {what: [] for what in ASKED} for name in sides
    }
    for number in range(-WARM_ROUNDS, ROUNDS):
        say("warming up ..." if number < 0 else f"round {number + 1} of {ROUNDS} ...")
        for what, size in ASKED.items():
            for name, side in sides.items():
                if (name, what) in NOT_OFFERED:
                    continue
                answer = side.ask({"ask": what, "count": size})
                if number >= 0:
                    rates[name][what].append(answer["units"] / answer["seconds"])
    return rates
