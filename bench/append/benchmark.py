"""`append`: durable events a second, beside nats-py's publishing and beside ready bytes.

Rates are by the clock: the disk takes part, and so does the server, on the same cores.
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

import psutil  # type: ignore[import-untyped]  # it ships no types

from adapters.embedded.nats import NatsServer
from adapters.jetstream.batch import BATCH_ENTRIES_MAX
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.known import last_sequence
from adapters.jetstream.streams import apply
from bench.append import events
from bench.result import Result, say
from bench.worker import Worker
from curvetape.definitions import definitions

ROUNDS = 31
"""Many short ones: whatever else the machine has to do hits the sides of a round alike."""
EVENTS = {"ours": 20_000, "ready": 20_000, "published": 2_000}
"""How many each side appends in a round; the last one takes as long for a tenth."""

Round: TypeAlias = dict[str, float]


def run() -> Result:
    """Start a server as production runs it, ask all sides in turn, and compare."""
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> Result:
    file = folder / "events.jsonl"
    say(f"making {max(EVENTS.values()):,} events ...")
    described = events.write(file, max(EVENTS.values()))
    async with AsyncExitStack() as stack:
        nats = NatsServer(folder / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        connection = await stack.enter_async_context(await Connection.open(nats.url))
        await apply(connection, load(definitions() / "streams.toml"))
        sides = {name: stack.enter_context(_side(name, nats, file)) for name in EVENTS}
        rounds = await asyncio.to_thread(_rounds, sides, nats)
        appended = (ROUNDS + 1) * sum(EVENTS.values())
        assert await last_sequence(connection, "PUMP") == appended, "each side has appended all"
    return _result(rounds, described)


def _side(name: str, nats: NatsServer, file: Path) -> Worker:
    side = Worker([sys.executable, "-m", "bench.append.side", name])
    side.ask({"ask": "open", "url": nats.url, "monitor_url": nats.monitor_url, "file": str(file)})
    return side


def _rounds(sides: dict[str, Worker], nats: NatsServer) -> dict[str, list[Round]]:
    """All sides in turn; the first round warms them and counts for nothing."""
    server = psutil.Process(nats.pid)
    found: dict[str, list[Round]] = {name: [] for name in sides}
    for number in range(ROUNDS + 1):
        for name, side in sides.items():
            before = server.cpu_times()
            first = number * EVENTS[name] % max(EVENTS.values())
            round_ = side.ask(
                {"ask": "append", "first": first, "count": EVENTS[name], "round": number}
            )
            after = server.cpu_times()
            used_s = after.user + after.system - before.user - before.system
            if number:
                found[name].append(
                    {
                        "per_s": round_["events"] / round_["seconds"],
                        "side": round_["cpu_s"] / round_["events"] * 1e6,
                        "server": used_s / round_["events"] * 1e6,
                    }
                )
        if number:
            rates = ", ".join(f"{name} {of[-1]['per_s']:,.0f}" for name, of in found.items())
            say(f"round {number} of {ROUNDS}, durable events/s: {rates}")
    return found


def _result(rounds: dict[str, list[Round]], described: dict[str, object]) -> Result:
    ours, ready, published = (rounds[name] for name in EVENTS)
    peer, batch = _ratios(ours, published), _ratios(ours, ready)
    return Result(
        name="append",
        value=_rate(ours),
        unit="durable events/s",
        peer=f"nats-py {version('nats-py')}: publish_async, each event a message",
        peer_value=_rate(published),
        ratio=round(statistics.median(peer), 2),
        details={
            "ratio_min": round(min(peer), 2),
            "ratio_max": round(max(peer), 2),
            "rounds": ROUNDS,
            "batch_peer": "atomic batches that are bytes already, written to a bare socket",
            "batch_value": _rate(ready),
            "batch_ratio": round(statistics.median(batch), 2),
            "batch_ratio_min": round(min(batch), 2),
            "batch_ratio_max": round(max(batch), 2),
            "events_per_batch_max": BATCH_ENTRIES_MAX,
            "cpu_us_per_event": {
                name: {
                    "side": round(statistics.median(each["side"] for each in of), 1),
                    "nats_server": round(statistics.median(each["server"] for each in of), 1),
                }
                for name, of in rounds.items()
            },
            "clock": "time by the clock, from the first event encoded to the last acknowledged",
            "events_per_round": EVENTS,
            "input": described,
        },
    )


def _rate(rounds: Sequence[Round]) -> float:
    return round(statistics.median(each["per_s"] for each in rounds), 1)


def _ratios(ours: Sequence[Round], peer: Sequence[Round]) -> list[float]:
    return [mine["per_s"] / theirs["per_s"] for mine, theirs in zip(ours, peer, strict=True)]
