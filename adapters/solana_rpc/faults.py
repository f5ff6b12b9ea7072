"""What a JSON-RPC server can be made to do wrong, as real nodes and providers do."""

from typing import Literal

import msgspec

FAULTS_MAX = 10_000
"""Faults that may wait at once."""


class RpcFault(msgspec.Struct, kw_only=True):
    """One thing that goes wrong, for as many answers as `times` says."""

    kind: Literal["error", "status", "html", "truncated", "broken", "slow", "unlisted"]
    """
    - `error`: an error of JSON-RPC with `code` and `message`
    - `status`: HTTP status `status`, with `Retry-After` if `retry_after_s` is given
    - `html`: a page instead of JSON, with HTTP status 200
    - `truncated`: the first half of the answer, as if it were all of it
    - `broken`: the connection ends in the middle of the answer
    - `slow`: the right answer after `wait_s`
    - `unlisted`: `getBlocks` leaves out `slot`
    """
    method: str | None = None
    """`getBlock` for one; None for all."""
    slot: int | None = None
    """The slot that the question is about; None for all."""
    times: int | None = None
    """None for ever."""
    code: int = -32603
    message: str = "Internal error"
    status: int = 500
    retry_after_s: float | None = None
    wait_s: float = 0.0


class RpcFaults:
    """The faults that are switched on; the first that fits a question is the one that happens."""

    def __init__(self) -> None:
        self.first_available: int | None = None
        """Blocks below this slot are cleaned up, whatever the chain has; None for none."""
        self._faults: list[RpcFault] = []

    @property
    def waiting(self) -> int:
        """How many are switched on and not used up."""
        return len(self._faults)

    def add(self, *faults: RpcFault) -> None:
        """Switch faults on."""
        assert len(self._faults) + len(faults) <= FAULTS_MAX, "more faults than are kept"
        self._faults += faults

    def clear(self) -> None:
        """Switch everything off."""
        self._faults.clear()
        self.first_available = None

    def take(self, method: str, slot: int | None) -> RpcFault | None:
        """The fault that this question meets; one with `times` is used up by it."""
        for fault in self._faults:
            if (
                fault.kind != "unlisted"
                and fault.method in (None, method)
                and fault.slot in (None, slot)
            ):
                self._use(fault)
                return fault
        return None

    def unlisted(self, slot: int) -> bool:
        """Whether `getBlocks` is to leave out the slot this time."""
        for fault in self._faults:
            if fault.kind == "unlisted" and fault.slot == slot:
                self._use(fault)
                return True
        return False

    def _use(self, fault: RpcFault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
