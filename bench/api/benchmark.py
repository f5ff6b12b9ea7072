"""`api`: every resource, kept and not, beside Falcon's hello world on the same server.

The generator is another process on the same machine, and takes a core for itself. Rates are by the
CPU time of the process that answers; waiting times are by the generator's clock.
"""

import asyncio
import os
import statistics
import tempfile
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.valkey import ValkeyServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from bench.api import serving
from bench.api.market import Market, fill
from bench.api.serving import Addresses, Serving
from bench.api.shapes import shapes
from bench.api.targets import Target, targets
from bench.node import NODE, PACKAGES, install
from bench.rebuild import archive
from bench.result import RefusedError, Result, say
from bench.worker import Worker
from curvetape.definitions import definitions

SIZES = "50000,5000000"
"""Tokens and trades; the variable of this name has others."""
TRADES_MIN = 1_000
"""Fewer events may hold no trade at all."""
CONNECTIONS = 32
"""That ask for what is kept."""
UNCACHED_CONNECTIONS = 4
SECONDS = 3
UNCACHED_SECONDS = 4
WARM_SECONDS = 1
CACHE_MB = 64

Measured: TypeAlias = dict[str, float]


def run() -> Result:
    """Fill a database, start the servers, and ask all of them."""
    tokens, trades = sizes()
    install()
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder), tokens, trades))


def sizes() -> tuple[int, int]:
    """How many tokens and trades there are to be; raises `RefusedError`."""
    asked = os.environ.get("SIZES", SIZES)
    try:
        tokens, trades = (int(each) for each in asked.split(","))
    except ValueError as error:
        raise RefusedError(f"SIZES was {asked!r}; it is tokens,trades as in {SIZES}") from error
    if tokens < 1 or trades < TRADES_MIN:
        raise RefusedError(
            f"SIZES was {asked!r}; it takes 1 token and {TRADES_MIN:,} trades at least"
        )
    return tokens, trades


async def _run(folder: Path, tokens: int, trades: int) -> Result:
    file = archive.originals(folder)
    async with AsyncExitStack() as stack:
        nats = NatsServer(folder / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        async with await Connection.open(nats.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        postgres = await stack.enter_async_context(PostgresServer(folder / "postgres"))
        valkey = await stack.enter_async_context(ValkeyServer(folder / "valkey"))
        market = await fill(postgres.url, valkey.url, file, tokens=tokens, trades=trades)
        addresses = Addresses(nats=nats.url, postgres=postgres.url, redis=valkey.url)
        return await asyncio.to_thread(_measured, addresses, market)


def _measured(addresses: Addresses, market: Market) -> Result:
    with ExitStack() as stack:
        enter = stack.enter_context
        cached = enter(serving.ours(addresses, cache_mb=CACHE_MB))
        uncached = enter(serving.ours(addresses, cache_mb=0))
        hello = Target("hello", ["/"])
        bare = enter(serving.bare())
        generator = enter(Worker([NODE, str(PACKAGES / "load.cjs")]))
        described = msgspec.json.decode(serving.get(f"{cached.url}/openapi.json"))
        rates: dict[str, list[float]] = {"ours": [], "bare": [], "ratio": []}
        table: dict[str, dict[str, float]] = {}
        asked, left_out = serving.answered(
            cached.url, [*targets(described, market), *shapes(market)]
        )
        for target in asked:
            first = Target(target.name, target.paths[:1])
            peer = _load(generator, bare, hello, CONNECTIONS, SECONDS)
            kept = _load(generator, cached, first, CONNECTIONS, SECONDS)
            made = _load(generator, uncached, target, UNCACHED_CONNECTIONS, UNCACHED_SECONDS)
            rates["ours"].append(kept["per_cpu_s"])
            rates["bare"].append(peer["per_cpu_s"])
            rates["ratio"].append(kept["per_cpu_s"] / peer["per_cpu_s"])
            table[target.name] = _row(kept, made, peer)
            say(f"{target.name}: {table[target.name]}")
    return _result(rates, table, market, left_out)


def _load(
    generator: Worker, server: Serving, target: Target, connections: int, seconds: int
) -> Measured:
    question = {"url": server.url, "paths": target.paths, "connections": connections}
    generator.ask(question | {"duration": WARM_SECONDS})
    before_s = server.spent.cpu_s()
    answer: dict[str, Any] = generator.ask(question | {"duration": seconds})
    spent_s = server.spent.cpu_s() - before_s
    assert not answer["refused"], f"{target.name}: {answer['refused']} were not answered with 200"
    return {
        "per_s": answer["answers"] / answer["seconds"],
        "per_cpu_s": answer["answers"] / spent_s,
        "p50_ms": answer["p50_ms"],
        "p99_ms": answer["p99_ms"],
    }


def _row(kept: Measured, made: Measured, peer: Measured) -> dict[str, float]:
    return {
        "ratio": round(kept["per_cpu_s"] / peer["per_cpu_s"], 2),
        "cached_per_s": round(kept["per_s"]),
        "cached_p50_ms": round(kept["p50_ms"], 2),
        "cached_p99_ms": round(kept["p99_ms"], 2),
        "uncached_per_s": round(made["per_s"]),
        "uncached_p50_ms": round(made["p50_ms"], 2),
        "uncached_p99_ms": round(made["p99_ms"], 2),
        "hello_per_s": round(peer["per_s"]),
        "hello_p99_ms": round(peer["p99_ms"], 2),
    }


def _result(
    rates: dict[str, list[float]],
    table: dict[str, dict[str, float]],
    market: Market,
    left_out: dict[str, str],
) -> Result:
    return Result(
        name="api",
        value=round(statistics.median(rates["ours"])),
        unit="answers/s of kept answers, per core",
        peer=f"hello world of Falcon {version('falcon')} on the same uvicorn {version('uvicorn')}",
        peer_value=round(statistics.median(rates["bare"])),
        ratio=round(statistics.median(rates["ratio"]), 2),
        details={
            "ratio_min": round(min(rates["ratio"]), 2),
            "ratio_max": round(max(rates["ratio"]), 2),
            "cached_p99_ms": max(row["cached_p99_ms"] for row in table.values()),
            "uncached_p99_ms": max(row["uncached_p99_ms"] for row in table.values()),
            "resources": table,
            "left_out": left_out,
            "tokens": market.tokens,
            "trades": market.trades,
            "candles": market.candles,
            "cached_connections": CONNECTIONS,
            "uncached_connections": UNCACHED_CONNECTIONS,
            "generator": "autocannon 8.0.0, in a process of its own",
            "clock": "rates by the CPU time of the answering process, waits by the generator's",
        },
    )
