"""The JSON-RPC client against a real server, over the simulated market and with all its faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from adapters.solana_rpc.chain import BlocksChain, RpcChain
from adapters.solana_rpc.client import RpcBlocks
from adapters.solana_rpc.faults import RpcFault
from adapters.solana_rpc.hub_chain import HubChain
from adapters.solana_rpc.server import GENESIS_HASH, RpcServer
from adapters.solana_rpc.transport import ANSWER_WAIT_S_MAX
from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.recorded import transaction
from adapters.yellowstone.wire import geyser_pb2
from curvetape.testing.simulated import first_blocks, views
from curvetape.testing.waiting import until
from curvetape.testing.yellowstone import trades
from domain.chain import SourceError
from domain.node import BlockUnavailableError, NodeBusyError, NodeError

FIRST, LAST, SKIPPED_SLOT = 1_000, 1_020, 1_011
SECRET = "a-key-that-nobody-may-see"
DETAILS = {"details", "received_at_ns"}


def some_blocks() -> BlocksChain:
    return BlocksChain(trades(slot) for slot in range(FIRST, LAST + 1) if slot != SKIPPED_SLOT)


@asynccontextmanager
async def serving(
    chain: RpcChain, *, answer_wait_s_max: float = ANSWER_WAIT_S_MAX
) -> AsyncIterator[tuple[RpcServer, RpcBlocks]]:
    server = RpcServer(chain)
    await server.start()
    client = RpcBlocks(
        f"{server.url}/{SECRET}?api-key={SECRET}", answer_wait_s_max=answer_wait_s_max
    )
    try:
        yield server, client
    finally:
        await client.close()
        await server.stop()


async def test_every_block_of_the_market_comes_as_it_went() -> None:
    """Legacy, v0 and v1 transactions, failed ones, and strangers that name our programs."""
    blocks = [block for block, _ in first_blocks(30)]
    versions = set()
    async with serving(BlocksChain(blocks)) as (_, client):
        for made in blocks:
            read = await client.block(made.slot)
            assert read is not None
            assert read.evidence == "rpc"
            meta = read.meta
            assert (meta.parent_slot, meta.blockhash) == (made.parent_slot, made.blockhash)
            assert meta.parent_blockhash == made.parent_blockhash
            assert meta.block_time_s == made.block_time.timestamp
            assert meta.executed_transaction_count == made.executed_transaction_count
            wanted = list(views(made))
            assert len(read.transactions) == len(wanted)
            for got, want, info in zip(read.transactions, wanted, made.transactions, strict=True):
                for field in want.__struct_fields__:
                    if field not in DETAILS:
                        assert getattr(got, field) == getattr(want, field), field
                assert _known(got.details.encoded()) == _known(info.SerializeToString())
                assert list(got.details.log_messages) == list(want.details.log_messages)
                message = info.transaction.message
                versions.add((message.versioned, message.HasField("config"), want.failed))
    assert len(versions) == 6


def _known(encoded: bytes) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    """All that JSON-RPC tells of a transaction; an error has another form there."""
    info = geyser_pb2.SubscribeUpdateTransactionInfo.FromString(encoded)
    if info.meta.HasField("err"):
        info.meta.err.err = b"failed"
    return info


async def test_a_json_encoded_block_has_the_same_transactions() -> None:
    made, _ = first_blocks(30)[3]
    async with serving(BlocksChain([made])) as (server, _), httpx.AsyncClient() as http:
        config = {"encoding": "json", "maxSupportedTransactionVersion": 1}
        question = {"jsonrpc": "2.0", "id": 1, "method": "getBlock", "params": [made.slot, config]}
        answer = (await http.post(server.url, json=question)).json()["result"]
    by_place = {info.index: info for info in made.transactions}
    for place, document in enumerate(answer["transactions"]):
        info = transaction(document).info
        info.index = place
        if place in by_place:
            assert _known(info.SerializeToString()) == _known(by_place[place].SerializeToString())


async def test_slots_newest_oldest_and_genesis_are_told() -> None:
    async with serving(some_blocks()) as (_, client):
        assert await client.newest() == LAST
        assert await client.first_available() == FIRST
        assert await client.genesis_hash() == GENESIS_HASH
        assert await client.slots(1_010, 1_013) == [1_010, 1_012, 1_013]
        assert await client.slots(LAST, LAST + 100) == [LAST]
        assert await client.slots(LAST + 1, LAST + 100) == []


async def test_a_skipped_slot_has_no_block() -> None:
    async with serving(some_blocks()) as (_, client):
        assert await client.block(SKIPPED_SLOT) is None


@pytest.mark.parametrize("code", [-32007, -32009])
async def test_a_slot_that_is_listed_is_not_believed_to_be_skipped(code: int) -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(RpcFault(kind="error", method="getBlock", slot=1_005, code=code, times=1))
        with pytest.raises(BlockUnavailableError, match="listed among the confirmed") as raised:
            await client.block(1_005)
        assert (raised.value.slot, raised.value.retry) == (1_005, True)
        assert await client.block(1_005) is not None


async def test_skipped_is_not_believed_of_slots_that_the_node_does_not_keep_or_have_yet() -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(RpcFault(kind="error", method="getBlock", code=-32009))
        with pytest.raises(BlockUnavailableError, match="older than what this node keeps") as old:
            await client.block(FIRST - 1)
        with pytest.raises(BlockUnavailableError, match="not confirmed yet") as new:
            await client.block(LAST + 1)
        assert (old.value.retry, new.value.retry) == (False, True)


@pytest.mark.parametrize(
    ("code", "retry"),
    [(-32004, True), (-32014, True), (-32001, False), (-32015, False), (-32603, True)],
)
async def test_a_block_that_is_not_given_says_whether_to_ask_again(code: int, retry: bool) -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(RpcFault(kind="error", code=code, message="so it is"))
        with pytest.raises(BlockUnavailableError, match="so it is") as raised:
            await client.block(1_005)
        assert raised.value.retry is retry


async def test_blocks_below_what_was_cleaned_up_are_gone_for_good() -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.first_available = 1_010
        assert await client.first_available() == 1_010
        assert await client.slots(FIRST, 1_012) == [1_010, 1_012]
        with pytest.raises(BlockUnavailableError, match="First available block: 1010") as raised:
            await client.block(1_009)
        assert not raised.value.retry


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (RpcFault(kind="status", status=500), "HTTP 500"),
        (RpcFault(kind="status", status=401), "check the key"),
        (RpcFault(kind="status", status=403), "check the key"),
        (RpcFault(kind="html"), "text/html: <html>.*Bad Gateway"),
        (RpcFault(kind="truncated"), "no JSON-RPC"),
        (RpcFault(kind="broken"), "broke off"),
        (RpcFault(kind="slow", wait_s=5.0), "did not answer within 1 s"),
    ],
)
async def test_an_answer_that_is_none_is_an_error_in_words(fault: RpcFault, said: str) -> None:
    slow = fault.kind == "slow"
    async with serving(some_blocks(), answer_wait_s_max=1.0 if slow else ANSWER_WAIT_S_MAX) as (
        server,
        client,
    ):
        server.faults.add(fault)
        with pytest.raises(NodeError, match=said) as raised:
            await client.block(1_005)
        assert not isinstance(raised.value, BlockUnavailableError)
        assert SECRET not in str(raised.value)
        server.faults.clear()
        assert await client.block(1_005) is not None


@pytest.mark.parametrize(
    "fault",
    [
        RpcFault(kind="status", status=429, retry_after_s=7),
        RpcFault(kind="status", status=503, retry_after_s=7),
    ],
)
async def test_a_busy_node_says_how_long_to_leave_it_alone(fault: RpcFault) -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(fault)
        with pytest.raises(NodeBusyError) as raised:
            await client.slots(FIRST, LAST)
        assert raised.value.retry_after_s == 7


async def test_too_many_requests_inside_json_counts_as_busy() -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(RpcFault(kind="error", code=-32429, message="rate limited"))
        with pytest.raises(NodeBusyError, match="rate limited"):
            await client.block(1_005)


async def test_an_answer_that_is_too_long_is_not_taken() -> None:
    server = RpcServer(BlocksChain([trades(FIRST, 100)]))
    await server.start()
    client = RpcBlocks(server.url, answer_bytes_max=10_000)
    with pytest.raises(NodeError, match="longer than 10,000 bytes"):
        await client.block(FIRST)
    await client.close()
    await server.stop()


async def test_a_key_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with serving(some_blocks()) as (server, client):
        assert SECRET not in client.name
        server.faults.add(RpcFault(kind="error", message=f"no plan for {SECRET}"))
        with pytest.raises(NodeError) as raised:
            await client.block(1_005)
        assert SECRET not in str(raised.value)
    assert SECRET not in caplog.text


async def test_a_node_that_is_not_there_is_an_error_in_words() -> None:
    client = RpcBlocks(f"http://127.0.0.1:1/?api-key={SECRET}")
    with pytest.raises(NodeError, match="cannot be reached") as raised:
        await client.newest()
    assert SECRET not in str(raised.value)
    await client.close()


@pytest.mark.parametrize("url", ["node.example", "grpc://node", f"ftp://{SECRET}@node/", ""])
def test_an_address_of_another_form_is_refused_at_once(url: str) -> None:
    with pytest.raises(SourceError, match="http") as raised:
        RpcBlocks(url)
    assert SECRET not in str(raised.value)


async def test_a_client_that_asks_for_no_versions_is_refused_as_nodes_do() -> None:
    made = next(
        block
        for block, _ in first_blocks(30)
        if any(info.transaction.message.HasField("config") for info in block.transactions)
    )
    async with serving(BlocksChain([made])) as (server, _), httpx.AsyncClient() as http:
        question = {"jsonrpc": "2.0", "id": 1, "method": "getBlock", "params": [made.slot]}
        answer = (await http.post(server.url, json=question)).json()
    assert answer["error"]["code"] == -32015


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b'{"method":"getMoney","id":1}', -32601),
        (b'{"method":"getBlock","id":1}', -32602),
        (b'{"method":"getBlock","id":1,"params":[1000,{"encoding":"jsonParsed"}]}', -32602),
        (b'{"method":"getBlocks","id":1,"params":[0,500001]}', -32602),
    ],
)
async def test_the_server_refuses_what_it_cannot_answer(body: bytes, code: int) -> None:
    async with serving(some_blocks()) as (server, _), httpx.AsyncClient() as http:
        answer = msgspec.json.decode((await http.post(server.url, content=body)).content)
    assert answer["error"]["code"] == code


async def test_a_yellowstone_chain_is_served_as_far_as_it_is_confirmed_and_kept() -> None:
    hub = Hub(confirmed_after_slots=2, finalized_after_slots=3, retention=Retention(slots_max=10))
    async with serving(HubChain(hub)) as (_, client):
        for slot in range(FIRST, LAST + 1):
            hub.publish(trades(slot))
        assert (await client.first_available(), await client.newest()) == (LAST - 9, LAST - 2)
        assert await client.slots(FIRST, LAST) == list(range(LAST - 9, LAST - 1))
        read = await client.block(LAST - 2)
        assert read is not None
        made = trades(LAST - 2)
        assert (read.meta.blockhash, len(read.transactions)) == (made.blockhash, 1)
        with pytest.raises(BlockUnavailableError, match="not available yet"):
            await client.block(LAST - 1)


async def test_stopping_the_server_leaves_no_connection_open() -> None:
    async with serving(some_blocks()) as (server, client):
        server.faults.add(RpcFault(kind="slow", wait_s=60.0))
        asking = asyncio.create_task(client.newest())
        await until(lambda: _asked(server, "getSlot"))
        await server.stop()
        with pytest.raises(NodeError):
            await asking
        await server.start()
        server.faults.clear()


async def _asked(server: RpcServer, method: str) -> bool:
    return server.asked[method] > 0
