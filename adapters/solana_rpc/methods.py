"""The questions of JSON-RPC that the server answers, from the chain that it has."""

from typing import Any

import msgspec

from adapters.solana_rpc.chain import RpcChain
from adapters.solana_rpc.encode import Details, Encoding, VersionRefusedError, block_json
from adapters.solana_rpc.faults import RpcFaults

SLOTS_MAX = 500_000
"""Slots in one `getBlocks`, as with real nodes."""

CLEANED_UP, NOT_AVAILABLE, SKIPPED, VERSION_REFUSED = -32001, -32004, -32007, -32015
METHOD_UNKNOWN, PARAMS_WRONG = -32601, -32602


class MethodError(Exception):
    """The answer is an error of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Question(msgspec.Struct):
    """A request of JSON-RPC."""

    method: str
    params: list[Any] | None = None
    id: int | str | None = None

    @property
    def slot(self) -> int | None:
        """The slot that it asks about, where its first parameter is one."""
        first = self.params[0] if self.params else None
        return first if isinstance(first, int) else None


class _BlockConfig(msgspec.Struct, rename="camel"):
    # None is what clients send for what they leave to the node.
    encoding: Encoding | None = None
    transaction_details: Details | None = None
    max_supported_transaction_version: int | None = None


class Methods:
    """Answers questions; every commitment is answered from the confirmed blocks."""

    def __init__(self, chain: RpcChain, faults: RpcFaults, *, genesis_hash: str) -> None:
        self._chain = chain
        self._faults = faults
        self._genesis_hash = genesis_hash

    def result(self, question: Question) -> Any:
        """The `result` of the answer; `MethodError` where it is an error."""
        params = question.params or []
        match question.method:
            case "getHealth":
                return "ok"
            case "getGenesisHash":
                return self._genesis_hash
            case "getSlot":
                return self._newest()
            case "getFirstAvailableBlock":
                return self._first_available()
            case "getBlocks":
                return self._blocks(params)
            case "getBlock":
                return self._block(params)
        raise MethodError(METHOD_UNKNOWN, "Method not found")

    def _newest(self) -> int:
        return self._chain.newest() or 0

    def _first_available(self) -> int:
        return max(self._chain.first_available() or 0, self._faults.first_available or 0)

    def _blocks(self, params: list[Any]) -> list[int]:
        start, end = _number(params, 0), self._newest()
        if len(params) > 1 and isinstance(params[1], int):
            end = min(end, params[1])
            if params[1] - start > SLOTS_MAX:
                raise MethodError(PARAMS_WRONG, f"Slot range too large; max {SLOTS_MAX}")
        first = max(start, self._first_available())
        listed = self._chain.slots(first, end) if first <= end else ()
        return [slot for slot in listed if not self._faults.unlisted(slot)]

    def _block(self, params: list[Any]) -> dict[str, Any]:
        slot = _number(params, 0)
        try:
            config = msgspec.convert(params[1] if len(params) > 1 else {}, _BlockConfig)
        except msgspec.ValidationError as error:
            raise MethodError(PARAMS_WRONG, f"Invalid params: {error}") from error
        if slot < (first := self._first_available()):
            raise MethodError(
                CLEANED_UP,
                f"Block {slot} cleaned up, does not exist on node. First available block: {first}",
            )
        if slot > self._newest():
            raise MethodError(NOT_AVAILABLE, f"Block not available for slot {slot}")
        block = self._chain.block(slot)
        if block is None:
            raise MethodError(
                SKIPPED,
                f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot",
            )
        try:
            return block_json(
                block,
                encoding=config.encoding or "json",
                details=config.transaction_details or "full",
                version_max=config.max_supported_transaction_version,
            )
        except VersionRefusedError as error:
            raise MethodError(VERSION_REFUSED, str(error)) from error


def _number(params: list[Any], place: int) -> int:
    if len(params) <= place or not isinstance(params[place], int):
        raise MethodError(PARAMS_WRONG, "Invalid params: a slot was expected")
    return int(params[place])
