"""What a source asks of an endpoint: the truth in one of two ways, and early transactions."""

from collections.abc import Sequence

from adapters.yellowstone.health import Mode
from adapters.yellowstone.wire import geyser_pb2 as pb


def truth(
    mode: Mode, *, programs: Sequence[str], accounts: Sequence[str], from_slot: int | None
) -> pb.SubscribeRequest:
    """Confirmed blocks with the programs' transactions, and what is written to the accounts.

    `from_slot` is None for the head of the chain.
    """
    request = pb.SubscribeRequest(commitment=pb.CONFIRMED, from_slot=from_slot)
    if mode == "blocks":
        block = request.blocks["programs"]
        block.account_include.extend(programs)
        block.include_transactions = True
    else:
        request.blocks_meta["blocks"].SetInParent()
        _transactions(request, programs)
    if accounts:
        request.accounts["accounts"].account.extend(accounts)
    return request


def early(*, programs: Sequence[str]) -> pb.SubscribeRequest:
    """The programs' transactions as soon as they are executed, from the head of the chain."""
    request = pb.SubscribeRequest(commitment=pb.PROCESSED)
    _transactions(request, programs)
    return request


def _transactions(request: pb.SubscribeRequest, programs: Sequence[str]) -> None:
    transactions = request.transactions["programs"]
    transactions.vote = transactions.failed = False
    transactions.account_include.extend(programs)
