"""A stage on which faulty endpoints, and a JSON-RPC node, serve one chain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from adapters.solana_rpc.server import RpcServer
from curvetape.simulator.endpoint import FaultyEndpoint
from curvetape.simulator.faults import Script
from curvetape.simulator.forked_chain import ForkedChain, Step
from curvetape.simulator.rpc_chain import Node

SLOT_S = 0.01


class Player(Protocol):
    """Who is fed with a chain, step by step: an endpoint, or a node."""

    async def publish(self, step: Step) -> None:
        """Go on to the chain's next step."""
        ...

    def settle(self) -> None:
        """The chain has ended."""
        ...

    async def recover(self) -> None:
        """End all faults that last."""
        ...


async def play(
    chain: ForkedChain,
    players: Sequence[Player],
    *,
    slot_s: float,
    recover: bool = True,
    after: Callable[[Step], Awaitable[None]] | None = None,
) -> None:
    """Give the chain's steps to all players, one every `slot_s` seconds, and settle it.

    Dead blocks come in between, without a wait of their own but for the loop's next turn. `after`
    is called after each step. With `recover` faults that last end with the chain, so that whoever
    reads the endpoints can get what is still to be had.
    """
    for step in chain.steps:
        for player in players:
            await player.publish(step)
        if after is not None:
            await after(step)
        await asyncio.sleep(0 if step.dead else slot_s)
    for player in players:
        player.settle()
        if recover:
            await player.recover()


class Stage(msgspec.Struct, frozen=True):
    """What serves a script's chain, ready to be connected to; nothing happens before `play`."""

    chain: ForkedChain
    script: Script
    endpoints: Sequence[FaultyEndpoint]
    node: Node
    rpc: RpcServer | None
    """None where the script has no node."""

    async def play(
        self,
        *,
        slot_s: float = SLOT_S,
        recover: bool = True,
        after: Callable[[Step], Awaitable[None]] | None = None,
    ) -> None:
        """Let the chain happen, from its first step to its last."""
        players: list[Player] = [*self.endpoints, self.node]
        await play(self.chain, players, slot_s=slot_s, recover=recover, after=after)


@asynccontextmanager
async def staged(chain: ForkedChain, script: Script) -> AsyncIterator[Stage]:
    """Start a script's endpoints and node, each on a free port; stop them in the end."""
    endpoints = [
        FaultyEndpoint(chain, faults, seed=script.seed + place)
        for place, faults in enumerate(script.endpoints)
    ]
    node = Node(missing=script.unobtainable)
    rpc = RpcServer(node) if script.node else None
    servers: list[FaultyEndpoint | RpcServer] = [*endpoints]
    if rpc is not None:
        servers.append(rpc)
    started: list[FaultyEndpoint | RpcServer] = []
    try:
        for server in servers:
            await server.start()
            started.append(server)
        yield Stage(chain, script, endpoints, node, rpc)
    finally:
        for server in started:
            await server.stop()
