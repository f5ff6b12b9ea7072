"""Drawn scripts on real servers: what a script says can be known can be had from its servers."""

import time

import grpc
import pytest

from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.simulator.endpoint import GARBAGE, FaultyEndpoint
from curvetape.simulator.faults import BlocksRefused, Script
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.random_faults import random_script
from curvetape.simulator.stage import staged
from curvetape.testing.bare_stream import asked, quiet, reading

PLAY_S_MAX = 3.0
TRIES_MAX = 3
ALONE = [seed for seed in range(80) if not random_script(seed, range(60)).node][:4]
SERVED = [seed for seed in range(80) if random_script(seed, range(60)).unobtainable][:4]


async def hashes(endpoint: FaultyEndpoint) -> set[str]:
    """Of all blocks that the endpoint replays, whole or as metas, once it sends no garbage."""
    whole = not any(isinstance(fault, BlocksRefused) for fault in endpoint.faults)
    for _ in range(TRIES_MAX):
        request = asked(blocks=whole, metas=not whole, from_slot=0)
        async with reading(endpoint, request) as stream:
            await quiet(stream)
        if GARBAGE not in stream.payloads:
            break
    return {update.block.blockhash or update.block_meta.blockhash for update in stream.updates}


@pytest.mark.parametrize("seed", ALONE)
async def test_without_a_node_every_honest_endpoint_gives_every_block_in_the_end(seed: int) -> None:
    chain = ForkedChain(seed, slots=30)
    script = random_script(seed, chain.slots)
    async with staged(chain, script) as stage:
        began_s = time.monotonic()
        await stage.play(slot_s=0.005)
        assert time.monotonic() - began_s < PLAY_S_MAX
        for place, endpoint in enumerate(stage.endpoints):
            if place in script.liars:
                continue
            found = await hashes(endpoint)
            assert found == {block.blockhash for block in chain.blocks}


@pytest.mark.parametrize("seed", SERVED)
async def test_a_node_has_every_block_but_the_unobtainable_ones(seed: int) -> None:
    chain = ForkedChain(seed, slots=30)
    script = random_script(seed, chain.slots)
    async with staged(chain, script) as stage:
        await stage.play(slot_s=0.001)
        assert stage.rpc is not None
        assert [*stage.node.slots(0, chain.slots[-1])] == chain.slots
        had = {slot for slot in chain.slots if stage.node.block(slot) is not None}
        assert had == set(chain.slots) - script.unobtainable
        assert all(stage.node.block(slot) == chain.block(slot) for slot in had)


async def test_a_stage_stops_everything_that_it_started() -> None:
    chain = ForkedChain(1, slots=10)
    async with staged(chain, Script(seed=1, endpoints=[[], [], []])) as stage:
        assert len({endpoint.port for endpoint in stage.endpoints}) == 3
        ports = [endpoint.port for endpoint in stage.endpoints]
    for port in ports:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ping: grpc.aio.UnaryUnaryMultiCallable[pb.PingRequest, pb.PongResponse]
            ping = channel.unary_unary(
                "/geyser.Geyser/Ping",
                request_serializer=pb.PingRequest.SerializeToString,
                response_deserializer=pb.PongResponse.FromString,
            )
            with pytest.raises(grpc.aio.AioRpcError):
                await ping(pb.PingRequest(count=1))
