"""Endpoints that a person has to look after: they are named, and the others go on without them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc

from adapters.embedded.nats import NatsServer
from curvetape.campaign.running import Ended, run_plan
from curvetape.campaign.schedule import AFTER_S, SLOTS, Schedule
from curvetape.simulator.faults import Fault, Malformed, OtherNetwork, Script, TokenRefused
from curvetape.simulator.forked_chain import ForkedChain


async def ended(
    nats: NatsServer, *endpoints: Sequence[Fault], more_urls: Sequence[str] = ()
) -> Ended:
    """A run that ended well."""
    chain = ForkedChain(9, slots=SLOTS + len(AFTER_S))
    plan = Schedule(seed=9, script=Script(seed=9, endpoints=endpoints))
    end = await run_plan(chain, plan, nats, more_urls=more_urls)
    assert end.outcome.problems == [], end.outcome.said
    assert end.outcome.verdict is not None
    assert end.outcome.verdict.is_whole
    return end


def alarms(end: Ended) -> list[str]:
    return [said for said in end.outcome.said if said.startswith("ALARM: ")]


@asynccontextmanager
async def another_service() -> AsyncIterator[str]:
    """The address of a gRPC server that serves something else."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def test_an_endpoint_that_sends_garbage_for_ever_is_left_out_and_named(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [Malformed(at=5, times=None)], [])
    bad, _ = end.stage.endpoints
    (alarm,) = alarms(end)
    assert bad.url in alarm
    assert "no Yellowstone update" in alarm
    assert "check the address" in alarm
    assert alarm.endswith("the other sources go on without it")


async def test_one_damaged_update_costs_a_reconnection_and_nothing_else(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [Malformed(at=5)])
    assert alarms(end) == []
    assert any("what it sent was damaged" in said for said in end.outcome.said)


async def test_an_endpoint_that_refuses_the_token_is_left_out_and_says_what_to_do(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [TokenRefused(at=4)], [])
    bad, _ = end.stage.endpoints
    (alarm,) = alarms(end)
    assert bad.url in alarm
    assert "refuses the token; set the one that its provider gave you" in alarm


async def test_an_address_of_another_service_is_left_out_and_says_what_to_check(
    fresh_nats: NatsServer,
) -> None:
    async with another_service() as url:
        end = await ended(fresh_nats, [], more_urls=[url])
    (alarm,) = alarms(end)
    assert url in alarm
    assert "does not speak Yellowstone gRPC; check address and port" in alarm


async def test_nothing_of_another_network_is_taken(fresh_nats: NatsServer) -> None:
    end = await ended(fresh_nats, [OtherNetwork()], [], [])
    assert end.outcome.verdict is not None
    assert end.outcome.verdict.certificates >= SLOTS
