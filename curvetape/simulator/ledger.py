"""The truth about a chain: what has to be in the log in the end, slot by slot.

Worked out from the blocks alone, by the decoder on each transaction; nothing of how ingest reads,
orders, repairs or appends is in it.
"""

from collections.abc import Iterator

import msgspec

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.accounts import text
from domain.certificate import transactions_digest
from domain.chain import RawTransaction
from domain.events import AnyProgramEvent, SolPriced
from domain.programs import PROGRAMS
from ingest.layouts.types import address
from ingest.sol_price import sol_priced
from ingest.transaction import translated

Block = geyser_pb2.SubscribeUpdateBlock


class SlotTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A living block as the log has to have it; nothing in it depends on when it was received."""

    slot: int
    parent_slot: int
    blockhash: str
    parent_blockhash: str
    block_time_s: int
    executed: int
    ours: int
    """Transactions that touch our programs, failed ones included."""
    failed: int
    """Those of ours that failed."""
    transactions_digest: str
    """Over those of ours that succeeded, as in the slot's certificate."""
    unknown: int
    """What of our programs nobody can read yet, and becomes a dead letter."""
    events: tuple[AnyProgramEvent, ...]
    """In the chain's order, with `received_at_ns` 0."""
    prices: tuple[SolPriced, ...]
    """The SOL/USD prices that were written in the slot, with `received_at_ns` 0."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all events and prices."""
        return frozenset(event.id for event in (*self.events, *self.prices))


def truth(block: Block) -> SlotTruth:
    """What a block says."""
    ours = [view for view in views(block) if touches(view)]
    landed = [view for view in ours if not view.failed]
    found = [translated(view) for view in landed]
    return SlotTruth(
        slot=block.slot,
        parent_slot=block.parent_slot,
        blockhash=block.blockhash,
        parent_blockhash=block.parent_blockhash,
        block_time_s=block.block_time.timestamp,
        executed=block.executed_transaction_count,
        ours=len(ours),
        failed=len(ours) - len(landed),
        transactions_digest=transactions_digest(view.signature for view in landed),
        unknown=sum(len(each.letters) for each in found),
        events=tuple(event for each in found for event in each.events),
        prices=tuple(
            sol_priced(
                account.data,
                account=text(account.pubkey),
                owner=text(account.owner),
                slot=block.slot,
                received_at_ns=0,
            )
            for account in block.accounts
        ),
    )


def views(block: Block) -> Iterator[RawTransaction]:
    """The block's transactions as the decoder reads them."""
    for info in block.transactions:
        yield frames.transaction(
            info, slot=block.slot, block_time_s=block.block_time.timestamp, received_at_ns=0
        )


def touches(view: RawTransaction) -> bool:
    """Whether one of our programs is among the transaction's accounts."""
    return any(address(key) in PROGRAMS for key in view.account_keys)
