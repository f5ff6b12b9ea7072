"""Fetches, from a node that can be asked for single blocks, those that no stream brought."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeAlias

import msgspec

from domain.chain import Block
from domain.node import BlockUnavailableError, NodeBusyError, NodeError
from ingest.block_node import BlockNode
from ingest.repair_pace import ALARM_EVERY_S, Alarms, Pace
from ingest.repair_plan import RE_OFFER_S, Plan
from ingest.repair_steps import Fetch, ListSlots, Look, Range, Step

__all__ = ["BlockNode", "Repair"]

PARALLEL_MAX = 4
RATE_PER_S_MAX = 10.0
HELD_MAX = 8
"""Blocks that wait until an older one has come, or has had its time."""
ORDER_WAIT_S_MAX = 2.0
"""How long a block waits for an older one that is being fetched."""
IDLE_LOOK_S = 0.1
"""How often it is asked what is wanted, while nothing is."""

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    first: int
    newest: int


_Outcome: TypeAlias = Block | list[int] | _Kept | NodeError | None


class Repair:
    """A source of those blocks that are wanted, and of no others.

    Blocks come in slot order as far as the node gives them so: one that fails is tried again for
    ever, with growing waits, and the others do not wait for it. A block may come twice.
    """

    def __init__(
        self,
        node: BlockNode,
        wants: Callable[[], Sequence[Range]],
        *,
        parallel_max: int = PARALLEL_MAX,
        rate_per_s_max: float = RATE_PER_S_MAX,
        re_offer_s: float = RE_OFFER_S,
        alarm_every_s: float = ALARM_EVERY_S,
        say: Callable[[str], None] = _log.warning,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wants` gives the ranges of slots, both ends included, that are missing at that moment.

        It is asked again and again. At most `parallel_max` questions are on their way, and at
        most `rate_per_s_max` a second begin; `say` is told, in one sentence each and bounded in
        number, what does not come.
        """
        assert parallel_max > 0, "at least one question at a time"
        self._node = node
        self._wants = wants
        self._parallel_max = parallel_max
        self._now_s = now_s
        self._plan = Plan(re_offer_s=re_offer_s)
        self._pace = Pace(rate_per_s_max=rate_per_s_max, burst_max=parallel_max, now_s=now_s())
        self._alarms = Alarms(say, every_s=alarm_every_s)
        self._noticed = asyncio.Event()
        self._asking: dict[asyncio.Task[_Outcome], Step] = {}
        self._held: dict[int, tuple[Block, float]] = {}

    @property
    def name(self) -> str:
        """The node's name."""
        return self._node.name

    def notice(self) -> None:
        """Say that something is wanted now, so that it is asked for without delay."""
        self._noticed.set()

    async def batches(self) -> AsyncGenerator[Sequence[Block], None]:
        """The wanted blocks, as they come; does not end."""
        noticing = asyncio.create_task(self._noticed.wait())
        handed: list[Block] = []
        try:
            while True:
                self._begin()
                if handed := self._ready():
                    yield handed
                    for block in handed:
                        self._plan.offered(block.slot, self._now_s())
                    handed = []
                else:
                    if noticing.done():
                        self._noticed.clear()
                        noticing = asyncio.create_task(self._noticed.wait())
                    await asyncio.wait(
                        (noticing, *self._asking),
                        timeout=self._wait_s(),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                self._collect()
        finally:
            tasks = [noticing, *self._asking]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for step in self._asking.values():
                self._plan.returned(step)
            for slot in (*self._held, *(block.slot for block in handed)):
                self._plan.returned(Fetch(slot))
            self._asking.clear()
            self._held.clear()

    def _begin(self) -> None:
        """Ask as much as limits allow."""
        while self._has_room() and self._pace.wait_s(self._now_s()) <= 0:
            step = self._plan.next(self._wants(), self._now_s())
            if step is None:
                return
            self._pace.ask(self._now_s())
            self._asking[asyncio.create_task(self._ask(step))] = step

    def _has_room(self) -> bool:
        parallel_max = 1 if self._pace.failing else self._parallel_max
        return len(self._asking) < parallel_max and len(self._held) < HELD_MAX

    def _wait_s(self) -> float:
        wait_s = self._pace.wait_s(self._now_s())
        wait_s = wait_s if wait_s > 0 else IDLE_LOOK_S
        if self._held:
            oldest_s = min(at_s for _, at_s in self._held.values())
            wait_s = min(wait_s, max(0.0, oldest_s + ORDER_WAIT_S_MAX - self._now_s()))
        return wait_s

    async def _ask(self, step: Step) -> _Outcome:
        try:
            match step:
                case Fetch(slot=slot):
                    return await self._node.block(slot)
                case ListSlots(from_slot=first, to_slot=last):
                    return await self._node.slots(first, last)
                case Look():
                    first = await self._node.first_available()
                    return _Kept(first, await self._node.newest())
        except NodeError as error:
            return error

    def _collect(self) -> None:
        """Take the answers that have come."""
        for task in [task for task in self._asking if task.done()]:
            step, outcome = self._asking.pop(task), task.result()
            if isinstance(outcome, NodeError) and not isinstance(outcome, BlockUnavailableError):
                self._node_failed(step, outcome)
                continue
            if self._pace.failing:
                self._plan.forgive()
            self._pace.answered()
            for wrong in (NodeBusyError, NodeError):
                self._alarms.over(wrong, f"{self.name}: it answers again")
            self._answered(step, outcome)

    def _node_failed(self, step: Step, error: NodeError) -> None:
        now_s = self._now_s()
        if isinstance(error, NodeBusyError):
            self._pace.busy(now_s, error.retry_after_s)
            self._plan.returned(step)
            slower = f"asking at most {self._pace.rate_per_s:.1f} times a second"
            self._alarms.about(NodeBusyError, f"{error}; {slower}", now_s)
            return
        self._pace.failed(now_s)
        match step:
            case Fetch(slot=slot):
                self._plan.failed(slot, now_s)
            case ListSlots():
                self._plan.not_listed(step, now_s)
            case Look():
                self._plan.returned(step)
        self._alarms.about(NodeError, f"{error}; trying again", now_s)

    def _answered(self, step: Step, outcome: _Outcome) -> None:
        now_s = self._now_s()
        match step, outcome:
            case Fetch(slot=slot), Block():
                assert outcome.slot == slot, "a node gives the block that it was asked for"
                self._held[slot] = (outcome, now_s)
                self._alarms.over(slot, f"{self.name}: slot {slot}: it has come")
            case Fetch(slot=slot), BlockUnavailableError():
                self._plan.failed(slot, now_s, hopeless=not outcome.retry)
                self._alarms.about(slot, f"{outcome}; it stays wanted and is tried again", now_s)
            case Fetch(slot=slot), None:
                self._plan.failed(slot, now_s)
                said = f"{self.name}: slot {slot}: listed as a block, then called skipped"
                self._alarms.about(slot, f"{said}; it is tried again", now_s)
            case ListSlots(wanted=wanted), list():
                if not self._plan.listed(step, outcome, now_s):
                    said = f"{self.name}: it lists no block in the missing slots {_text(wanted)}"
                    self._alarms.about(("list", wanted[0]), f"{said}; asking again", now_s)
            case Look(), _Kept():
                self._look(outcome, now_s)

    def _look(self, kept: _Kept, now_s: float) -> None:
        self._plan.kept(kept.first)
        wanted = sorted(self._wants())
        if wanted and (wanted[0][0] < kept.first or wanted[-1][1] > kept.newest):
            said = f"{self.name}: it keeps slots {kept.first} to {kept.newest}"
            missing = f"missing are {_text((wanted[0][0], wanted[-1][1]))}"
            self._alarms.about("kept", f"{said}, {missing}; asking again", now_s)
        else:
            self._alarms.over("kept", f"{self.name}: it keeps all that is missing")

    def _ready(self) -> list[Block]:
        """Blocks that no older one is being fetched before, or that have waited long enough."""
        asked = [step.slot for step in self._asking.values() if isinstance(step, Fetch)]
        oldest, late_s = min(asked, default=None), self._now_s() - ORDER_WAIT_S_MAX
        ready = [
            slot
            for slot, (_, at_s) in self._held.items()
            if oldest is None or slot < oldest or at_s <= late_s
        ]
        return [self._held.pop(slot)[0] for slot in sorted(ready)]


def _text(slots: Range) -> str:
    first, last = slots
    return str(first) if first == last else f"{first} to {last}"
