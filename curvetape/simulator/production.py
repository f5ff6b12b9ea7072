"""Keeps a generated market going: each block when it is due, to whoever serves it."""

import asyncio
from collections.abc import Callable

from adapters.yellowstone.hub import Hub
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.forks import fork_before
from curvetape.simulator.market import FIRST_HEIGHT, FIRST_SLOT, Market
from curvetape.simulator.pace import Pace

SAVE_SLOTS = 25
"""Slots between two snapshots of the market; after a crash at most these are made again."""
READERS_LOOK_S = 0.002
READERS_LOOKS_MAX = 50
"""So often an overdue block looks whether the ones before it were read; then it comes anyway."""


class Production:
    """Publishes a market's blocks to a hub, and before some of them a fork that dies."""

    def __init__(
        self,
        market: Market,
        hub: Hub,
        *,
        slot_ms: int,
        say: Callable[[str], None],
        forks_share: float = 0.0,
    ) -> None:
        """`forks_share` of the blocks have a fork before them; it changes nothing in the market."""
        self._market = market
        self._forks_share = forks_share
        self._parent: geyser_pb2.SubscribeUpdateBlock | None = None
        self._hub = hub
        self._say = say
        self._retained = market.retained_blocks()
        self._pace = Pace(
            first_slot=FIRST_SLOT, first_slot_s=market.genesis_time_s, slot_ms=slot_ms
        )

    def begin(self) -> None:
        """Publish a first block, so that whoever connects finds where to start.

        It is the oldest of the market's recent blocks, which are made again as they were; `run`
        goes on with the others, so that replays go on where they were while it does.
        """
        self._publish(next(self._retained, None) or self._market.next_block())

    async def run(self, *, slots_max: int | None) -> None:
        """Publish every block that is due, and wait for the next; call `begin` first.

        Ends after `slots_max` slots, counted from the chain's first one, with all of them
        finalized; never without a limit. An endless market that is far behind leaves slots out;
        one with a limit has to be the same whenever it runs, and never does.
        """
        for block in self._retained:
            self._publish(block)
            await self._wait(0)
        unsaved = 0
        while slots_max is None or self._market.slot < FIRST_SLOT + slots_max:
            if slots_max is None:
                self._catch_up()
            await self._wait(self._pace.wait_s(self._market.slot))
            self._publish(self._market.next_block())
            unsaved += 1
            if unsaved >= SAVE_SLOTS:
                unsaved = 0
                self._market.save()
        self._hub.settle()

    async def _wait(self, wait_s: float) -> None:
        """Until the next slot is due; an overdue one still lets those who read have the last."""
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            return
        for _ in range(READERS_LOOKS_MAX):
            await asyncio.sleep(READERS_LOOK_S)
            if self._hub.followed:
                return

    def _catch_up(self) -> None:
        slot = self._market.slot
        if (live := self._pace.live_slot(slot)) > slot:
            self._market.skip_to(live)
            self._say(
                f"slot {slot} was due {-self._pace.wait_s(slot):,.0f} s ago; "
                f"{live - slot:,} slots are left out, to be live again"
            )

    def _publish(self, block: geyser_pb2.SubscribeUpdateBlock) -> None:
        if block.block_height.block_height == FIRST_HEIGHT:
            block.parent_slot = block.slot  # as in Solana's genesis: nothing was before
            block.parent_blockhash = block.blockhash
        if self._parent is not None:
            for dead in fork_before(
                block, self._parent, seed=self._market.seed, share=self._forks_share
            ):
                self._hub.publish_dead(dead)
        self._parent = block
        self._hub.publish(block)
