"""`ingest`: from a Yellowstone stream to the durable log, beside grpcio that only reads.

Rates are by the clock, since several processes share the work: they mean something on a machine
that does nothing else. CPU times hold on a busy one, too.
"""

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.ingest.chain import RATE_PER_S, SLOT_MS
from bench.ingest.sides import Round, Side, reading, writing
from bench.result import Result, say

ROUNDS = 5
EARLY_BLOCKS = 20
CATCH_UP_BLOCKS = 30
SINGLY_BLOCKS = 8
AWAITED_BLOCKS = 2
WARM_BLOCKS = 10
LATENCY_BLOCKS = 20

_STAGES = ("parse", "plan", "decode", "settle")


def run() -> Result:
    """Transactions in, durable events out; then the same without the peers' omissions."""
    return asyncio.run(_run())


async def _run() -> Result:
    early, latencies = await _early()
    awaited = await _awaited()
    blocks = await _blocks()
    ours, bare = early["ours"], early["bare"]
    ratios = _ratios(ours, bare)
    since_read = statistics.quantiles(latencies["since_read"], n=100)
    since_sent = statistics.quantiles(latencies["since_sent"], n=100)
    return Result(
        name="ingest",
        value=_rate(ours),
        unit="transactions/s",
        peer="grpcio alone: grpc.aio reads the same two streams and throws the messages away",
        peer_value=_rate(bare),
        ratio=round(statistics.median(ratios), 2),
        details={
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
            "rounds": ROUNDS,
            "peer_with_our_grpc_settings_per_s": _rate(early["tuned"]),
            "ratio_with_our_grpc_settings": _ratio(ours, early["tuned"]),
            "published_singly_at_once_per_s": _rate(early["singly"]),
            "ratio_to_published_singly_at_once": _ratio(ours, early["singly"]),
            "published_singly_awaited_per_s": awaited,
            "p50_ms": round(since_read[49], 1),
            "p99_ms": round(since_read[98], 1),
            "p50_ms_since_sent": round(since_sent[49], 1),
            "p99_ms_since_sent": round(since_sent[98], 1),
            "latencies": len(latencies["since_read"]),
            "latency_rate_per_s": RATE_PER_S,
            "blocks_per_s": _rate(blocks["ours"]),
            "blocks_peer_per_s": _rate(blocks["bare"]),
            "blocks_ratio": _ratio(blocks["ours"], blocks["bare"]),
            "blocks_with_a_worker_per_s": _rate(blocks["worker"]),
            "blocks_ratio_with_a_worker": _ratio(blocks["worker"], blocks["ours"]),
            "cpu_us_per_transaction": {
                "early": _cpu(ours, bare),
                "blocks": _cpu(blocks["ours"], blocks["bare"]),
            },
            "clock": "time by the clock, from the first block shown to the last certificate",
            "input": _input(ours, blocks["ours"]),
        },
    )


async def _early() -> tuple[dict[str, list[Round]], dict[str, list[float]]]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        sides = {
            "ours": await enter(writing(early=True)),
            "bare": await enter(reading(early=True)),
            "tuned": await enter(reading(early=True, tuned=True)),
            "singly": await enter(writing(early=True, publish="at once")),
        }
        found = _rounds("early transactions and blocks", sides, EARLY_BLOCKS)
        say(f"latency at {RATE_PER_S:,.0f} transactions/s, {LATENCY_BLOCKS} blocks ...")
        return found, sides["ours"].latencies(LATENCY_BLOCKS, RATE_PER_S)


async def _awaited() -> float:
    say("one publication after the other ...")
    async with writing(early=True, publish="awaited") as side:
        return round(side.round(AWAITED_BLOCKS)["per_s"], 1)


async def _blocks() -> dict[str, list[Round]]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        sides = {
            "ours": await enter(writing(early=False)),
            "bare": await enter(reading(early=False)),
            "worker": await enter(writing(early=False, workers=1)),
        }
        return _rounds("blocks alone", sides, CATCH_UP_BLOCKS)


def _rounds(what: str, sides: dict[str, Side], blocks: int) -> dict[str, list[Round]]:
    """All sides get warm, then take turns; one that would take long gets fewer blocks."""
    say(f"{what}: {ROUNDS} rounds of {blocks} blocks, {', '.join(sides)} in turn ...")
    for side in sides.values():
        side.round(WARM_BLOCKS)
    found: dict[str, list[Round]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            found[name].append(side.round(SINGLY_BLOCKS if name == "singly" else blocks))
        rates = ", ".join(f"{name} {rounds[-1]['per_s']:,.0f}" for name, rounds in found.items())
        say(f"transactions/s: {rates}")
    return found


def _rate(rounds: Sequence[Round]) -> float:
    return round(_median(rounds, "per_s"), 1)


def _ratios(ours: Sequence[Round], peer: Sequence[Round]) -> list[float]:
    return [mine["per_s"] / theirs["per_s"] for mine, theirs in zip(ours, peer, strict=True)]


def _ratio(ours: Sequence[Round], peer: Sequence[Round]) -> float:
    return round(statistics.median(_ratios(ours, peer)), 2)


def _median(rounds: Sequence[Round], name: str) -> float:
    return statistics.median(each.get(name, 0.0) for each in rounds)


def _cpu(ours: Sequence[Round], bare: Sequence[Round]) -> dict[str, float]:
    """Microseconds by stage; reading, appending and the event loop are what remains."""
    stages = {stage: round(_median(ours, stage), 1) for stage in _STAGES}
    whole = _median(ours, "reader")
    return {
        **stages,
        "read_append_and_loop": round(whole - sum(stages.values()), 1),
        "ingest": round(whole, 1),
        "bare_reader": round(_median(bare, "reader"), 1),
        "yellowstone_server": round(_median(ours, "server"), 1),
        "nats_server": round(_median(ours, "log"), 1),
    }


def _input(early: Sequence[Round], blocks: Sequence[Round]) -> dict[str, object]:
    transactions = sum(each["transactions"] for each in early)
    return {
        "source": f"simulated market, {RATE_PER_S:,.0f} transactions/s in slots of {SLOT_MS} ms",
        "transactions_early": transactions,
        "events_early": sum(each["events"] for each in early),
        "events_per_append_early": round(_median(early, "events") / _median(early, "appends")),
        "transactions_blocks": sum(each["transactions"] for each in blocks),
        "bytes_per_transaction_on_both_streams": round(
            sum(each["bytes"] for each in early) / transactions
        ),
    }
