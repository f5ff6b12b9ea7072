"""`decode`: our decoder beside Anchor's coder, on the same messages from the same file."""

import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import node
from bench.decode import agreement, refusal
from bench.decode.workload import Workload, prepare
from bench.result import Result, say
from bench.rounds import Compared, Side, compare
from bench.worker import Worker

ROUNDS = 11
ROUND_SECONDS = 0.8


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
        warm = _warm(workload, ours)
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
            "value_with_warm_caches": warm,
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
    file = workload.events if what == "coder" else workload.transactions
    work = workload.transaction_count if what == "parse" else workload.event_count
    say(f"measuring {what}: {ROUNDS} rounds of about {ROUND_SECONDS} s on each side ...")
    compared = compare(
        _side(ours, what, file, work),
        _side(peer, what, file, work),
        ours_work=work,
        peer_work=work,
        rounds=ROUNDS,
        seconds=ROUND_SECONDS,
    )
    say(f"{what}: {compared.ours:,.0f}/s beside {compared.peer:,.0f}/s, {compared.ratio} times")
    return compared


def _side(worker: Worker, what: str, file: Path, work: int) -> Side:
    def timed(passes: int) -> float:
        answer = worker.ask({"ask": what, "file": str(file), "passes": passes})
        found = answer["events"]
        if found != work * passes:
            raise agreement.DisagreementError(f"{what}: {work * passes} expected, was {found}")
        return float(answer["seconds"])

    return timed


def _warm(workload: Workload, ours: Worker) -> float:
    """Our rate when every address was met before, as nearly all are in a process that runs."""
    question: dict[str, object] = {"ask": "transactions", "file": str(workload.transactions)}
    rates = []
    for _ in range(ROUNDS):
        answer = ours.ask(question | {"passes": 1, "warm": True})
        rates.append(answer["events"] / answer["seconds"])
    return float(round(statistics.median(rates), 1))


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
