"""The server's answers to single questions about the chain."""

import json
from importlib.metadata import version

from adapters.yellowstone.hub import BLOCKHASH_VALID_BLOCKS, Hub
from adapters.yellowstone.retained import RetainedSlot
from adapters.yellowstone.selection import Commitment
from adapters.yellowstone.wire import geyser_pb2 as pb


class NotAvailableError(Exception):
    """The chain has not got that far yet."""


class Answers:
    """One method for each unary call of the service."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def ping(self, asked: pb.PingRequest) -> pb.PongResponse:
        """The client's own number."""
        return pb.PongResponse(count=asked.count)

    def version(self, _: pb.GetVersionRequest) -> pb.GetVersionResponse:
        """What serves, as JSON in the same place as a validator's plugin has it."""
        serving = {"package": "curvetape", "version": version("curvetape")}
        return pb.GetVersionResponse(version=json.dumps({"version": serving}))

    def replay_info(self, _: pb.SubscribeReplayInfoRequest) -> pb.SubscribeReplayInfoResponse:
        """The oldest slot that `from_slot` may name."""
        return pb.SubscribeReplayInfoResponse(first_available=self._hub.first_available)

    def slot(self, asked: pb.GetSlotRequest) -> pb.GetSlotResponse:
        """The newest slot at a commitment."""
        return pb.GetSlotResponse(slot=self._at(asked.commitment).slot)

    def block_height(self, asked: pb.GetBlockHeightRequest) -> pb.GetBlockHeightResponse:
        """The height of that slot's block."""
        return pb.GetBlockHeightResponse(block_height=self._at(asked.commitment).block_height)

    def latest_blockhash(
        self, asked: pb.GetLatestBlockhashRequest
    ) -> pb.GetLatestBlockhashResponse:
        """That slot's blockhash, and up to which height a transaction may name it."""
        newest = self._at(asked.commitment)
        return pb.GetLatestBlockhashResponse(
            slot=newest.slot,
            blockhash=newest.blockhash,
            last_valid_block_height=newest.block_height + BLOCKHASH_VALID_BLOCKS,
        )

    def blockhash_valid(self, asked: pb.IsBlockhashValidRequest) -> pb.IsBlockhashValidResponse:
        """Whether a transaction may name a blockhash."""
        newest = self._at(asked.commitment)
        return pb.IsBlockhashValidResponse(
            slot=newest.slot, valid=self._hub.blockhash_valid(asked.blockhash, asked.commitment)
        )

    def _at(self, commitment: Commitment) -> RetainedSlot:
        if (slot := self._hub.at(commitment)) is None:
            raise NotAvailableError("block is not available yet")
        return slot
