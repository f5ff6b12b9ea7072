"""Our side of `decode`: answers each JSON line on stdin with one on stdout."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters.yellowstone import frames
from bench.decode import workload
from domain.chain import RawTransaction
from domain.programs import PUMP, PUMP_AMM
from ingest.canonical import canonical_pool
from ingest.layouts.catalogue import BY_PROGRAM
from ingest.layouts.types import address
from ingest.transaction import entries

RECEIVED_AT_NS = 1_792_000_000_000_000_000

LAYOUTS = [BY_PROGRAM[program] for program in (PUMP, PUMP_AMM)]
encode = msgspec.json.Encoder().encode


def _transaction(payload: bytes) -> RawTransaction:
    return frames.sent_transaction(frames.parse(payload), RECEIVED_AT_NS)


def transactions(messages: list[bytes]) -> int:
    """What ingest does with each message that a source sends: a view, then the log's entries."""
    events = 0
    for payload in messages:
        events += len(entries(_transaction(payload)).entries)
    return events


def parse(messages: list[bytes]) -> int:
    """The protobuf messages only."""
    return sum(
        frames.parse(payload).transaction.transaction.HasField("meta") for payload in messages
    )


def coder(calls: list[bytes]) -> int:
    """Event bytes in, event JSON out: the layouts without the transaction around them."""
    events = 0
    for call in calls:
        layout = LAYOUTS[call[0]][call[9:17]]
        values, _, _ = layout.read(call, 17)
        encode({"name": layout.name, "data": layout.plain(values)})
        events += 1
    return events


PASSES: dict[str, Callable[[list[bytes]], int]] = {
    "transactions": transactions,
    "parse": parse,
    "coder": coder,
}


def survey(messages: list[bytes]) -> list[dict[str, int]]:
    """Per message, how many events we read and how many of ours we could not."""
    found = (entries(_transaction(payload)) for payload in messages)
    return [{"read": len(one.entries), "refused": len(one.dead)} for one in found]


def answer(question: dict[str, Any], inputs: dict[str, list[bytes]]) -> object:
    """Run what is asked on a part of the file that is named; a file is read once."""
    ask, file = str(question["ask"]), Path(str(question["file"]))
    messages = inputs.setdefault(str(file), []) or inputs[str(file)]
    if not messages:
        messages.extend(workload.read(file))
    if "count" in question:
        messages = messages[question["first"] :][: question["count"]]
    if ask == "survey":
        return survey(messages)
    if ask == "events":
        found = (entries(_transaction(payload)).entries for payload in messages)
        return [entry.payload.decode() for one in found for entry in one]
    if question.get("cold"):
        address.cache_clear()
        canonical_pool.cache_clear()
    events = 0
    started = time.thread_time()
    for _ in range(question.get("passes", 1)):
        events += PASSES[ask](messages)
    return {"seconds": time.thread_time() - started, "events": events}


def main() -> None:
    """Until stdin ends."""
    inputs: dict[str, list[bytes]] = {}
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), inputs)), flush=True)


main()
