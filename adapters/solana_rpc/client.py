"""A JSON-RPC node as one who can be asked for any block that it keeps."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from solders.commitment_config import CommitmentLevel
from solders.rpc.config import RpcBlockConfig, RpcContextConfig
from solders.rpc.requests import (
    GetBlock,
    GetBlocks,
    GetFirstAvailableBlock,
    GetGenesisHash,
    GetSlot,
)
from solders.transaction_status import TransactionDetails, UiTransactionEncoding

from adapters.solana_rpc.blocks import BlockReader, UnreadableBlockError
from adapters.solana_rpc.transport import (
    ANSWER_BYTES_MAX,
    ANSWER_WAIT_S_MAX,
    Request,
    RpcError,
    Transport,
)
from domain.chain import Block
from domain.node import BlockUnavailableError, NodeError
from domain.programs import PROGRAMS

_T = TypeVar("_T")

PARALLEL_MAX = 4
SLOTS_MAX = 500
"""Slots in one `getBlocks`; nodes allow 500,000, providers less."""
TRANSACTION_VERSION_MAX = 1

SKIPPED = -32007
SKIPPED_IN_STORAGE = -32009
_SKIPPED_CODES = {SKIPPED, SKIPPED_IN_STORAGE}
_UNAVAILABLE = {
    -32004: ("not available yet", True),
    -32014: ("its status is not available yet", True),
    -32001: ("it is older than what this node keeps", False),
    -32011: ("this node keeps no transactions", False),
    -32015: ("it has a transaction of a version that this program does not read", False),
}
"""By the code of the error: why there is no block, and whether there may be one soon."""

_BLOCK = RpcBlockConfig(
    encoding=UiTransactionEncoding.Base64,
    transaction_details=TransactionDetails.Full,
    rewards=False,
    commitment=CommitmentLevel.Confirmed,
    # Without it a node answers an error for every block that has a newer transaction.
    max_supported_transaction_version=TRANSACTION_VERSION_MAX,
)
_slots_decoder = msgspec.json.Decoder(list[int])
_slot_decoder = msgspec.json.Decoder(int)
_text_decoder = msgspec.json.Decoder(str)


class RpcBlocks:
    """Confirmed blocks of one node, each with the transactions that touch the programs."""

    def __init__(
        self,
        url: str,
        *,
        programs: Iterable[str] = PROGRAMS,
        parallel_max: int = PARALLEL_MAX,
        answer_wait_s_max: float = ANSWER_WAIT_S_MAX,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """The address is `http(s)://host[:port][/path][?key]`; `SourceError` if it is not.

        At most `parallel_max` connections are open. Every question below may raise `NodeError`,
        and `NodeBusyError` when the node is asked too often.
        """
        self._transport = Transport(
            url,
            parallel_max=parallel_max,
            answer_wait_s_max=answer_wait_s_max,
            answer_bytes_max=answer_bytes_max,
        )
        self._reader = BlockReader(programs)
        self._now_ns = now_ns

    @property
    def name(self) -> str:
        """Scheme, host and port: what of the address holds no secret."""
        return self._transport.name

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def newest(self) -> int:
        """The newest confirmed slot."""
        question = GetSlot(RpcContextConfig(CommitmentLevel.Confirmed))
        return await self._ask(question, _slot_decoder)

    async def first_available(self) -> int:
        """The oldest slot whose block the node still has."""
        return await self._ask(GetFirstAvailableBlock(), _slot_decoder)

    async def genesis_hash(self) -> str:
        """Which chain it is."""
        return await self._ask(GetGenesisHash(), _text_decoder)

    async def slots(self, from_slot: int, to_slot: int) -> list[int]:
        """The slots of the range, both ends included, that have a confirmed block, rising.

        At most `SLOTS_MAX` slots. A slot that the node has not confirmed yet, or does not keep
        any more, is not among them either.
        """
        assert 0 <= to_slot - from_slot < SLOTS_MAX, "ranges are cut before they are asked for"
        question = GetBlocks(from_slot, to_slot, CommitmentLevel.Confirmed)
        listed = await self._ask(question, _slots_decoder)
        if any(not from_slot <= slot <= to_slot for slot in listed):
            raise NodeError(self.name, "getBlocks lists slots that were not asked for")
        return sorted(set(listed))

    async def block(self, slot: int) -> Block | None:
        """The slot's block; None where the node says in two ways that there is none.

        `BlockUnavailableError` where it has or may have one and does not give it.
        """
        try:
            answer = await self._transport.ask(GetBlock(slot, _BLOCK))
        except RpcError as error:
            if error.code in _SKIPPED_CODES:
                await self._believe_skipped(slot, error)
                return None
            reason, retry = _UNAVAILABLE.get(error.code, (error.reason, True))
            if error.code in _UNAVAILABLE:
                reason = f"{reason} ({error.code}: {error.message})"
            raise self._unavailable(slot, reason, retry=retry) from error
        if bytes(answer) == b"null":
            raise self._unavailable(slot, "null instead of a block", retry=True)
        try:
            return self._reader.read(slot, answer, received_at_ns=self._now_ns())
        except UnreadableBlockError as error:
            reason = f"its block cannot be read: {error}"
            raise self._unavailable(slot, reason, retry=True) from error

    async def _believe_skipped(self, slot: int, error: RpcError) -> None:
        """`BlockUnavailableError` if anything else that the node says denies it.

        A node also answers "skipped" for what it lost when it jumped to a snapshot.
        """
        if await self.slots(slot, slot):
            reason = f"called skipped ({error.code}), but listed among the confirmed ones"
            raise self._unavailable(slot, reason, retry=True) from error
        if slot < (first := await self.first_available()):
            reason = f"it is older than what this node keeps, which begins at {first}"
            raise self._unavailable(slot, reason, retry=False) from error
        if slot > (newest := await self.newest()):
            reason = f"not confirmed yet; the node is at {newest}"
            raise self._unavailable(slot, reason, retry=True) from error

    def _unavailable(self, slot: int, reason: str, *, retry: bool) -> BlockUnavailableError:
        return BlockUnavailableError(self.name, slot, reason, retry=retry)

    async def _ask(self, question: Request, decoder: msgspec.json.Decoder[_T]) -> _T:
        answer = await self._transport.ask(question)
        try:
            return decoder.decode(answer)
        except msgspec.DecodeError as error:
            reason = f"its answer is not what was asked for: {error}"
            raise NodeError(self.name, reason) from error
