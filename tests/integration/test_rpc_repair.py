"""Missing blocks come from a real JSON-RPC server, whatever it does meanwhile."""

import asyncio
from contextlib import aclosing

from adapters.solana_rpc.chain import BlocksChain
from adapters.solana_rpc.client import RpcBlocks
from adapters.solana_rpc.faults import RpcFault
from adapters.solana_rpc.server import RpcServer
from curvetape.testing.simulated import first_blocks
from domain.chain import Block
from ingest.block_node import BlockNode
from ingest.repair import Repair
from ingest.source import Source

WAIT_S_MAX = 120.0


async def test_all_of_a_gap_comes_from_a_node_that_fails_in_every_way() -> None:
    blocks = [block for block, _ in first_blocks(40)]
    first, last = blocks[0].slot, blocks[-1].slot
    server = RpcServer(BlocksChain(blocks))
    await server.start()
    client = RpcBlocks(server.url, answer_wait_s_max=2.5)
    node: BlockNode = client
    server.faults.add(
        RpcFault(kind="error", method="getBlock", slot=first + 1, code=-32009, times=2),
        RpcFault(kind="error", method="getBlock", slot=first + 2, code=-32014, times=1),
        RpcFault(kind="status", method="getBlock", slot=first + 5, status=500, times=2),
        RpcFault(kind="status", slot=first + 8, status=429, retry_after_s=1, times=1),
        RpcFault(kind="html", method="getBlock", slot=first + 11, times=1),
        RpcFault(kind="truncated", method="getBlock", slot=first + 14, times=1),
        RpcFault(kind="broken", method="getBlock", slot=first + 17, times=1),
        RpcFault(kind="slow", method="getBlock", slot=first + 20, wait_s=3.0, times=1),
        RpcFault(kind="unlisted", slot=first + 23, times=1),
    )
    came: dict[int, Block] = {}
    said: list[str] = []
    repair = Repair(
        node,
        lambda: [] if len(came) == len(blocks) else [(first, last)],
        rate_per_s_max=100,
        say=said.append,
    )
    source: Source = repair
    assert source.name == server.url
    async with asyncio.timeout(WAIT_S_MAX), aclosing(repair.batches()) as batches:
        async for batch in batches:
            came.update({block.slot: block for block in batch})
            if len(came) == len(blocks):
                break
    await client.close()
    await server.stop()
    for made in blocks:
        assert came[made.slot].meta.blockhash == made.blockhash
        assert len(came[made.slot].transactions) == len(made.transactions)
    assert server.faults.waiting == 0
    for word in ("listed among", "HTTP 500", "asked too often"):
        assert any(word in sentence for sentence in said), word
