"""A real Yellowstone server with faults."""

import asyncio
from collections.abc import Sequence

import grpc

from adapters.yellowstone.server import ListenError, YellowstoneServer
from adapters.yellowstone.subscription import LAG_TRANSACTIONS_MAX, Subscription, Write
from curvetape.simulator.distortion import DistortedHub, all_of
from curvetape.simulator.faults import (
    Disconnect,
    Down,
    Fault,
    Forked,
    Lasting,
    Malformed,
    OtherNetwork,
    Silence,
    Slow,
    TokenRefused,
)
from curvetape.simulator.forked_chain import Block, ForkedChain, Step

GARBAGE = b"\x22\xff\x01no update"
"""Announces a transaction of 255 bytes and ends."""
OTHER_NETWORK_SLOTS = 50_000_000
OTHER_TOKEN = "another token"  # noqa: S105  # what a client without it is refused by
REOPEN_TRIES_MAX = 50
REOPEN_WAIT_S = 0.02


class FaultyEndpoint:
    """Serves a chain on a port of its own, as its faults have it.

    It is fed with the chain's steps by `publish`; its moment, by which faults begin and end, is
    the number of living blocks that it was fed.
    """

    def __init__(
        self,
        chain: ForkedChain,
        faults: Sequence[Fault] = (),
        *,
        seed: int = 0,
        x_token: str | None = None,
        lag_transactions_max: int = LAG_TRANSACTIONS_MAX,
    ) -> None:
        self.faults = tuple(faults)
        self.hub = DistortedHub(faults, seed=seed)
        self.streams_opened = 0
        """How many streams clients have opened, refused ones included."""
        self.now = 0
        self._chain = chain
        self._x_token = x_token
        self._lag_transactions_max = lag_transactions_max
        self._server = self._made("127.0.0.1:0")
        self._up = False
        self._over = False
        self._forked_from: Block | None = None
        self._malformed = 0
        self._other = next(
            (
                ForkedChain(
                    fault.seed,
                    slots=len(chain.blocks),
                    fork_share=0,
                    equivocation_share=0,
                    slot_offset=OTHER_NETWORK_SLOTS,
                )
                for fault in all_of(self.faults, OtherNetwork)
            ),
            None,
        )

    @property
    def url(self) -> str:
        """Where clients connect to, also while the port is closed."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port, the same one after it was closed."""
        return self._server.port

    async def start(self) -> None:
        """Listen on a free port."""
        await self._server.start()
        self._up = True

    async def stop(self) -> None:
        """Cut every stream and stop listening."""
        self._up = False
        await self._server.stop(0)

    async def publish(self, step: Step) -> None:
        """Go on to the chain's next step, and let happen what is to happen then."""
        if step.dead:
            if self._other is None and self._forked_from is None:
                self.hub.publish_dead(step.block)
            return
        self.hub.publish(self._shown(step.block))
        self.now += 1
        await self._happen()

    def settle(self) -> None:
        """The chain has ended: what was published becomes final."""
        self.hub.settle()

    async def recover(self) -> None:
        """End all faults that last, which the chain's end by itself does not."""
        self._over = True
        self._server.x_token = self._x_token
        if not self._up:
            await self._reopen()

    def _shown(self, block: Block) -> Block:
        """The block as this endpoint has it."""
        if self._other is not None:
            return self._other.blocks[self.now]
        if not self._lasts(Forked):
            self._forked_from = None
            return block
        shown = self._chain.fork_of(block.slot)
        if self._forked_from is not None:
            shown.parent_blockhash = self._forked_from.blockhash
        self._forked_from = shown
        return shown

    async def _happen(self) -> None:
        for cut in all_of(self.faults, Disconnect):
            if cut.at == self.now:
                self._server.cut(grpc.StatusCode[cut.code], cut.details)
        refused = self._lasts(TokenRefused)
        if refused and self._server.x_token != OTHER_TOKEN:
            self._server.cut(grpc.StatusCode.UNAVAILABLE, "the token was withdrawn")
        self._server.x_token = OTHER_TOKEN if refused else self._x_token
        down = self._lasts(Down)
        if down and self._up:
            await self.stop()
        elif not down and not self._up:
            await self._reopen()

    async def _reopen(self) -> None:
        x_token = self._server.x_token
        self._server = self._made(f"127.0.0.1:{self._server.port}")
        self._server.x_token = x_token
        for tries_left in reversed(range(REOPEN_TRIES_MAX)):
            try:
                await self.start()
            except ListenError:  # someone's connection has the port for a moment
                if not tries_left:
                    raise
                await asyncio.sleep(REOPEN_WAIT_S)
            else:
                return

    def _made(self, address: str) -> YellowstoneServer:
        return _Server(self, address, self._x_token, self._lag_transactions_max)

    def writing(self, write: Write) -> Write:
        """A new stream's way out."""
        self.streams_opened += 1
        silent = False

        async def faulty(update: bytes) -> None:
            nonlocal silent
            silent = silent or self._lasts(Silence)
            if silent:
                await asyncio.Event().wait()
            for slow in all_of(self.faults, Slow):
                if slow.during(self.now) and not self._over:
                    await asyncio.sleep(slow.delay_s)
            await write(self._spoiled(update))

        return faulty

    def _lasts(self, kind: type[Lasting]) -> bool:
        """Whether a fault of the kind is on now."""
        return not self._over and any(fault.during(self.now) for fault in all_of(self.faults, kind))

    def _spoiled(self, update: bytes) -> bytes:
        for fault in all_of(self.faults, Malformed):
            if self.now >= fault.at and (fault.times is None or self._malformed < fault.times):
                self._malformed += 1
                return GARBAGE
        return update


class _Server(YellowstoneServer):
    """A server whose streams an endpoint may spoil."""

    def __init__(
        self,
        endpoint: FaultyEndpoint,
        address: str,
        x_token: str | None,
        lag_transactions_max: int,
    ) -> None:
        super().__init__(
            endpoint.hub,
            address=address,
            x_token=x_token,
            lag_transactions_max=lag_transactions_max,
        )
        self._endpoint = endpoint

    def subscription(self, write: Write) -> Subscription:
        return super().subscription(self._endpoint.writing(write))
