"""`rebuild`: candles from the archive into PostgreSQL, beside the library's runner and a bare COPY.

Rates are by the clock: the archive's reader and the database work at the same time.
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

from adapters.embedded.postgres import PostgresServer
from adapters.postgres.migrations import migrate
from bench.rebuild import archive
from bench.rebuild.archive import Archived
from bench.rebuild.history import BURST_EVENTS, MINTS
from bench.rebuild.library import library_environment
from bench.rebuild.spent import Spent
from bench.result import Result, say
from bench.worker import Worker

ROUNDS = 5
EVENTS = 1 << 20
"""Four segments."""
PEER_EVENTS = 1_000
"""How many the library projects in a round: it takes far longer for each."""

Round: TypeAlias = dict[str, float]


def run() -> Result:
    """Seal an archive, start PostgreSQL, ask all sides in turn, and compare."""
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> Result:
    file = archive.originals(folder)
    archived = archive.write(folder / "archive", file, EVENTS)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(PostgresServer(folder / "postgres"))
        await migrate(server.url)
        ours = stack.enter_context(_side("bench.rebuild.ours", str(folder / "archive"), server.url))
        peer = stack.enter_context(
            Worker(
                [
                    *("env", *library_environment(server.url)),
                    *(sys.executable, "-m", "bench.rebuild.peer", str(file)),
                ]
            )
        )
        assert server.pid is not None, "it runs"
        rounds = await asyncio.to_thread(_rounds, ours, peer, Spent(server.pid), archived)
    return _result(rounds, archived)


def _side(module: str, *arguments: str) -> Worker:
    return Worker([sys.executable, "-m", module, *arguments])


def _rounds(
    ours: Worker, peer: Worker, database: Spent, archived: Archived
) -> dict[str, list[Round]]:
    """All sides in turn; the first round warms them and counts for nothing."""
    questions: dict[str, tuple[Worker, dict[str, object]]] = {
        "ours": (ours, {"ask": "load", "until": archived.events}),
        "copy": (ours, {"ask": "copy"}),
        "peer": (peer, {"count": PEER_EVENTS}),
    }
    found: dict[str, list[Round]] = {name: [] for name in questions}
    for number in range(ROUNDS + 1):
        for name, (side, question) in questions.items():
            if name == "ours":
                ours.ask({"ask": "prepare"})
            before_s = database.cpu_s()
            answer = side.ask(question)
            answer["database_cpu_s"] = database.cpu_s() - before_s
            if name == "ours":
                counted = ours.ask({"ask": "count"})
                assert counted["trades"] == archived.trades, "each trade is in one candle"
            if number:
                found[name].append(answer)
        if number:
            load, copy, runner = (of[-1] for of in found.values())
            assert load["rows"] == copy["rows"], "a COPY of the same rows"
            say(
                f"round {number} of {ROUNDS}: ours {_per_s(load):,.0f} events/s in"
                f" {load['seconds']:.2f} s, bare COPY {copy['seconds']:.2f} s,"
                f" the library {_per_s(runner):,.0f} events/s"
            )
    return found


def _result(rounds: dict[str, list[Round]], archived: Archived) -> Result:
    ours, copies, peer = rounds.values()
    ratios = [_per_s(mine) / _per_s(theirs) for mine, theirs in zip(ours, peer, strict=True)]
    shares = [copy["seconds"] / mine["seconds"] for mine, copy in zip(ours, copies, strict=True)]
    rows = ours[0]["rows"]
    return Result(
        name="rebuild",
        value=round(statistics.median(map(_per_s, ours))),
        unit="events/s from the archive to rows of candles",
        peer=(
            f"eventsourcing {version('eventsourcing')}: ProjectionRunner with its PostgreSQL"
            " recorders, the same rows of candles"
        ),
        peer_value=round(statistics.median(map(_per_s, peer)), 1),
        ratio=round(statistics.median(ratios), 1),
        details={
            "ratio_min": round(min(ratios), 1),
            "ratio_max": round(max(ratios), 1),
            "rounds": ROUNDS,
            "value_max": round(max(map(_per_s, ours))),
            "seconds": _median(ours, "seconds"),
            "copy_s": _median(copies, "seconds"),
            "copy_share": round(statistics.median(shares), 2),
            "copy_share_min": round(min(shares), 2),
            "copy_share_max": round(max(shares), 2),
            "rows": rows,
            "rows_per_event": round(rows / archived.events, 3),
            "stages_s": {
                "gathering": _median(ours, "gathering_s"),
                "copying": _median(ours, "copying_s"),
                "finishing": _median(ours, "finishing_s"),
            },
            "copy_stages_s": {
                "copying": _median(copies, "copying_s"),
                "finishing": _median(copies, "finishing_s"),
            },
            "cpu_s": {
                name: {
                    "process": _median(of, "cpu_s"),
                    "postgres": _median(of, "database_cpu_s"),
                }
                for name, of in rounds.items()
            },
            "peer_events_per_round": PEER_EVENTS,
            "clock": "time by the clock, key and checkpoint included",
            "input": {
                "source": "simulated market's events, in places of their own",
                "mints": MINTS,
                "events_in_a_row_of_a_mint": BURST_EVENTS,
                "events": archived.events,
                "segments": archived.segments,
                "bytes_per_event": round(archived.bytes / archived.events, 1),
                "kinds": archived.kinds,
            },
        },
    )


def _per_s(found: Round) -> float:
    return found["events"] / found["seconds"]


def _median(rounds: Sequence[Round], name: str) -> float:
    return round(statistics.median(each[name] for each in rounds), 3)
