"""`decode`: our decoder beside Anchor's coder, on the same messages from the same file."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from bench import node
from bench.decode import agreement, refusal
from bench.decode.workload import Workload, prepare
from bench.result import Result, say
from bench.rounds import Compared, Side, compare
from bench.worker import Worker

ROUNDS = 11
WARM_SHARE = 2 / 3
"""How much of the input warms both sides. The rest is measured, a part of it in each round, so
that neither side has met a message before, but most of its addresses, as in a process that runs
for long."""
PARSE_PASSES = 20
"""Parsing keeps nothing, and takes too little time to measure it once."""


def run() -> Result:
    """Transaction in, event JSON out; beside it the narrower figures."""
    node.install()
    refused = refusal.verdict()
    with (
        tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder,
        Worker([sys.executable, "-m", "bench.decode.ours"]) as ours,
        Worker([node.NODE, str(node.PACKAGES / "decode.cjs")]) as peer,
    ):
        versions = peer.ask({"ask": "about"})
        workload = prepare(Path(folder), ours, peer)
        everything: dict[str, object] = {"ask": "events", "file": str(workload.transactions)}
        agreed = agreement.compare(ours.ask(everything), peer.ask(everything))
        say(f"{agreed['events']} events on both sides, {agreed['values_equal']} values equal")
        whole = _measure("transactions", workload, ours, peer)
        coder = _measure("coder", workload, ours, peer)
        parse = _measure("parse", workload, ours, peer)
        logs = _logs(workload, peer)
        cold = _cold(workload, ours)
    return Result(
        name="decode",
        value=whole.ours,
        unit="events/s",
        peer=f"@coral-xyz/anchor {versions['@coral-xyz/anchor']} (BorshCoder on self-calls)",
        peer_value=whole.peer,
        ratio=whole.ratio,
        details=_details(workload, whole, coder, parse)
        | {
            "anchor_event_parser_on_logs": logs,
            "value_with_empty_caches": cold,
            "clock": "CPU time of the working thread",
            "agreement": agreed,
            "anchorpy": refused,
            "versions": versions,
            "workload": workload.described,
        },
    )


def _details(
    workload: Workload, whole: Compared, coder: Compared, parse: Compared
) -> dict[str, object]:
    per_event = workload.transaction_count / workload.event_count
    return {
        "ratio_min": whole.ratio_min,
        "ratio_max": whole.ratio_max,
        "rounds": whole.rounds,
        "transactions_per_second": round(whole.ours * per_event, 1),
        "peer_transactions_per_second": round(whole.peer * per_event, 1),
        "coder_only_events_per_second": msgspec.to_builtins(coder),
        "protobuf_only_transactions_per_second": msgspec.to_builtins(parse),
    }


def _measure(what: str, workload: Workload, ours: Worker, peer: Worker) -> Compared:
    file, count = workload.transactions, workload.transaction_count
    if what == "coder":
        file, count = workload.events, workload.event_count
    warm = int(count * WARM_SHARE)
    say(f"measuring {what}: {warm} inputs to get warm, {count - warm} in {ROUNDS} rounds ...")
    question: dict[str, object] = {"ask": what, "file": str(file)}
    for side in (ours, peer):
        side.ask(question | {"first": 0, "count": warm})
    found = Counter[int]()
    question["passes"] = PARSE_PASSES if what == "parse" else 1
    question["count"] = (count - warm) // ROUNDS

    def side_of(worker: Worker) -> Side:
        def timed(number: int) -> float:
            first = warm + number * (count - warm) // ROUNDS
            answer = worker.ask(question | {"first": first})
            found[number] += answer["events"] if worker is ours else -answer["events"]
            return float(answer["events"] / answer["seconds"])

        return timed

    compared = compare(side_of(ours), side_of(peer), rounds=ROUNDS)
    if any(found.values()):
        raise agreement.DisagreementError(f"{what}: the sides did not find the same in each round")
    say(f"{what}: {compared.ours:,.0f}/s beside {compared.peer:,.0f}/s, {compared.ratio} times")
    return compared


def _cold(workload: Workload, ours: Worker) -> float:
    """Our rate over all messages when no address was met before the first of them."""
    question: dict[str, object] = {"ask": "transactions", "file": str(workload.transactions)}
    answer = ours.ask(question | {"cold": True})
    return round(float(answer["events"] / answer["seconds"]), 1)


def _logs(workload: Workload, peer: Worker) -> dict[str, object]:
    """Anchor's other way, without a pair: it misses what a router or a truncated log hides."""
    question: dict[str, object] = {"ask": "logs", "file": str(workload.transactions), "passes": 1}
    peer.ask(question)
    answer = peer.ask(question)
    return {
        "events_found": answer["events"],
        "events_missed": workload.event_count - answer["events"],
        "events_per_second": round(answer["events"] / answer["seconds"], 1),
        "transactions_per_second": round(workload.transaction_count / answer["seconds"], 1),
    }
