"""`curvetape simulate`: a chain that anyone can read, from recordings or from a seed."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from solders.signature import Signature

from adapters.embedded.ports import free_port
from adapters.yellowstone.client import YellowstoneSource
from adapters.yellowstone.endpoint import Endpoint
from curvetape.testing import mainnet
from domain.chain import Block
from domain.programs import PUMP, WRAPPED_SOL

WAIT_S_MAX = 30.0


@asynccontextmanager
async def simulating(*options: str) -> AsyncIterator[tuple[str, "asyncio.subprocess.Process"]]:
    """The command in a process of its own, once it listens; the address and the process."""
    listen = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "curvetape", "simulate", "--listen", listen, *options),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            said = ""
            while "serving Yellowstone gRPC at" not in said:
                line = await process.stderr.readline()
                assert line, f"it ended: {said}"
                said += line.decode()
        yield f"http://{listen}", process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read(url: str, *, blocks: int, from_slot: int | None = None) -> list[Block]:
    """The first confirmed blocks, so many of them."""
    source = YellowstoneSource(Endpoint(url), owed=lambda: from_slot)
    batches = source.batches()
    received: list[Block] = []
    async with asyncio.timeout(WAIT_S_MAX):
        async for batch in batches:
            received += [update for update in batch if isinstance(update, Block)]
            if len(received) >= blocks:
                await batches.aclose()  # type: ignore[attr-defined]  # an async generator
                return received[:blocks]
    raise AssertionError("a source does not end by itself")


def transactions(blocks: list[Block]) -> list[tuple[int, int, bytes, int]]:
    """Those that did not fail."""
    return [
        (tx.slot, tx.index, tx.signature, tx.block_time_s)
        for block in blocks
        for tx in block.transactions
        if not tx.failed
    ]


async def test_the_same_seed_and_genesis_make_the_same_chain_and_it_ends_where_told() -> None:
    options = ("--slots", "30", "--rate", "500", "--seed", "7", "--genesis-time", "1792857598")
    chains = []
    for _ in range(2):
        async with simulating(*options) as (url, _):
            chains.append(await read(url, blocks=29))
    assert transactions(chains[0]) == transactions(chains[1])
    assert len(transactions(chains[0])) > 1_000


async def test_a_market_goes_on_after_it_was_killed_and_replays_what_it_had(
    tmp_path: Path,
) -> None:
    options = (
        *("--slots", "60", "--rate", "200", "--seed", "3", "--genesis-time", "1792857598"),
        *("--data", str(tmp_path / "market")),
    )
    async with simulating(*options) as (url, process):
        first = await read(url, blocks=30)
        process.kill()
    async with simulating(*options) as (url, _):
        second = await read(url, blocks=55)
    known = transactions(first)
    assert transactions(second)[: len(known)] == known


async def test_a_market_is_paced_by_the_clock() -> None:
    """Once it has caught up with the second in which it began."""
    async with simulating("--rate", "200", "--slot-ms", "50") as (url, _):
        blocks = await read(url, blocks=60)
    received = [(each.slot, each.received_at_ns / 1e9) for each in blocks]
    (last_slot, last_s) = received[-1]
    (slot, then_s) = next(each for each in received if each[0] >= last_slot - 20)
    assert last_s - then_s == pytest.approx((last_slot - slot) * 0.05, abs=0.5)
    assert last_s - then_s > 0.5


async def test_a_signal_ends_it_quickly_and_cleanly() -> None:
    async with simulating("--rate", "100") as (_, process):
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = await process.stderr.read()
        assert await process.wait() == 0
    assert time.monotonic() - started < 3.0
    assert b"Traceback" not in said


async def test_recorded_transactions_are_served_in_the_chains_order_and_again(
    tmp_path: Path,
) -> None:
    for number, (slot, index) in enumerate([(9, 5), (7, None), (9, 2), (None, None)]):
        document = recording(number, slot=slot, index=index)
        (tmp_path / f"{number}.json").write_bytes(msgspec.json.encode(document))
    async with simulating("--transactions", str(tmp_path)) as (url, _):
        once = await read(url, blocks=3, from_slot=0)
        again = await read(url, blocks=3, from_slot=5)
    assert [(slot, index, signature[0]) for slot, index, signature, _ in transactions(once)] == [
        (7, 0, 1),
        (9, 2, 2),
        (9, 5, 0),
        (10, 0, 3),
    ]
    assert transactions(once) == transactions(again)


async def test_every_real_transaction_that_was_recorded_is_served(tmp_path: Path) -> None:
    recorded = mainnet.transactions()
    for path in recorded:
        shutil.copy(path, tmp_path)
    (tmp_path / "built.json").write_bytes(msgspec.json.encode(recording(0, slot=1, index=0)))
    documents = [recording(0, slot=1, index=0), *map(mainnet.read, recorded)]
    results = [each.get("result", each) for each in documents]
    landed = [each for each in results if each["meta"]["err"] is None]
    slots = {each.get("slot") for each in results}
    async with simulating("--transactions", str(tmp_path)) as (url, _):
        received = await read(url, blocks=len(slots), from_slot=0)
    assert len(transactions(received)) == len(landed)
    times = {each[0]: each[3] for each in transactions(received)}
    for each in landed:
        if each.get("slot") is not None and each.get("blockTime") is not None:
            assert times[each["slot"]] == each["blockTime"]


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no *.json file"), ("{}", "not a recorded transaction")]
)
async def test_a_folder_that_cannot_be_served_is_refused_with_the_file_named(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "curvetape", "simulate", "--listen", "127.0.0.1:0", "--transactions", tmp_path),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert words in said.decode()
    assert str(tmp_path) in said.decode()


def recording(number: int, *, slot: int | None, index: int | None) -> dict[str, Any]:
    """A JSON-RPC response with a transaction of the bonding-curve program in it."""
    result: dict[str, object] = {
        "slot": slot,
        "transactionIndex": index,
        "blockTime": None if slot is None else 1_700_000_000 + slot,
        "version": "legacy",
        "transaction": {
            "signatures": [str(Signature(bytes([number]) * 64))],
            "message": {
                "header": {
                    "numRequiredSignatures": 1,
                    "numReadonlySignedAccounts": 0,
                    "numReadonlyUnsignedAccounts": 1,
                },
                "accountKeys": [WRAPPED_SOL, PUMP],
                "recentBlockhash": WRAPPED_SOL,
                "instructions": [],
            },
        },
        "meta": {"err": None, "fee": 5_000, "innerInstructions": [], "logMessages": []},
    }
    return {"jsonrpc": "2.0", "id": number, "result": result}
