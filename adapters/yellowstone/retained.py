"""One slot as it is kept for subscribers: every update of it encoded once."""

from collections.abc import Iterable, Iterator, Sequence

from adapters.yellowstone.encoding import created_at, field, head, prefix, varint, wrapped
from adapters.yellowstone.selection import (
    AccountFilter,
    BlockFilter,
    Commitment,
    Selection,
    SlotFilter,
    TransactionFilter,
)
from adapters.yellowstone.wire import geyser_pb2

MATCHES_MAX = 16
"""Filters per slot whose matching transactions are remembered."""
BLOCKS_MAX = 4
"""Filters per slot whose encoded block is kept for the next subscriber while the slot is new."""

DEAD_ERROR = "the slot's fork was abandoned"

_Update = geyser_pb2.SubscribeUpdate
_Block = geyser_pb2.SubscribeUpdateBlock
_Info = geyser_pb2.SubscribeUpdateTransactionInfo
_Account = geyser_pb2.SubscribeUpdateAccountInfo
_Transaction = geyser_pb2.SubscribeUpdateTransaction
_BY_COMMITMENT = {
    geyser_pb2.SLOT_PROCESSED: geyser_pb2.PROCESSED,
    geyser_pb2.SLOT_CONFIRMED: geyser_pb2.CONFIRMED,
    geyser_pb2.SLOT_FINALIZED: geyser_pb2.FINALIZED,
}


class RetainedSlot:
    """A block's updates as bytes, and which of them a filter asks for."""

    def __init__(self, block: _Block, *, now_s: int, transactions_before: int) -> None:
        """Take the block over; it may not change afterwards.

        Updates carry the block's own time, so that a replay gives what was given at first;
        `now_s` stands in where the block has none. `transactions_before` counts those of all
        slots before.
        """
        self.slot = block.slot
        self.parent_slot = block.parent_slot
        self.blockhash = block.blockhash
        self.block_height = block.block_height.block_height
        self.transactions_before = transactions_before
        self.transactions_count = len(block.transactions)
        has_time = block.HasField("block_time")
        self._created_at = created_at(block.block_time.timestamp if has_time else now_s)
        self._tail = (
            varint(_Transaction.SLOT_FIELD_NUMBER << 3) + varint(block.slot) + self._created_at
        )
        encoded = [self._transaction(info.SerializeToString()) for info in block.transactions]
        self._transactions = tuple(body for body, _ in encoded)
        self._starts = bytes(start for _, start in encoded)
        self._parsed: Sequence[_Info] | None = block.transactions
        # Copies: a part of a message would keep all of it in memory.
        self._accounts = tuple(
            _Account.FromString(account.SerializeToString()) for account in block.accounts
        )
        self._meta = _meta(block).SerializeToString()
        self._block_head = _block_head(block).SerializeToString()
        self._matches: dict[TransactionFilter, tuple[int, ...]] = {}
        self._blocks: dict[BlockFilter, bytes] = {}
        self.size_bytes = len(self._meta) + sum(map(len, self._transactions))

    def forget_parsed(self) -> None:
        """Keep bytes only: from now on a filter that is new to the slot has to parse them."""
        self._parsed = None
        self._blocks.clear()

    def block(self) -> _Block:
        """The whole block once more."""
        everything = BlockFilter(include=frozenset(), transactions=True, accounts=True)
        return _Update.FromString(self._encoded_block(everything)).block

    def updates(self, asked: Selection) -> Iterator[bytes]:
        """What the slot holds for a subscriber: accounts, transactions, block, block meta."""
        yield from self.accounts(asked)
        yield from self.transactions(asked)
        yield from self.blocks(asked)
        yield from self.metas(asked)

    def accounts(self, asked: Selection) -> Iterator[bytes]:
        """The accounts that were written in the slot."""
        for account in self._accounts if asked.accounts else ():
            if names := _names(asked.accounts, account):
                yield prefix(names) + self._account(account)

    def transactions(self, asked: Selection) -> Iterator[bytes]:
        """The slot's transactions, and those of which only the status is asked for."""
        for index, start in self._matching(asked.transactions):
            yield start + self._transactions[index]
        for index, start in self._matching(asked.statuses):
            yield start + self._status(self._info(index))

    def blocks(self, asked: Selection) -> Iterator[bytes]:
        """The block, with those of its transactions and accounts that are asked for."""
        for name, block in asked.blocks:
            yield prefix((name,)) + self._block(block)

    def metas(self, asked: Selection) -> Iterator[bytes]:
        """The block without its transactions."""
        if asked.block_metas:
            meta = wrapped(_Update.BLOCK_META_FIELD_NUMBER, (self._meta,), self._created_at)
            yield prefix(asked.block_metas) + meta

    def changed(self, status: geyser_pb2.SlotStatus.ValueType, asked: Selection) -> Iterator[bytes]:
        """The slot's change to a status, if the subscriber wants to know of it."""
        names = tuple(
            name for name, slots in asked.slots if _wants(slots, status, asked.commitment)
        )
        if names:
            died = status == geyser_pb2.SLOT_DEAD
            update = geyser_pb2.SubscribeUpdateSlot(
                slot=self.slot,
                parent=self.parent_slot,
                status=status,
                dead_error=DEAD_ERROR if died else None,
            )
            yield (
                prefix(names)
                + field(_Update.SLOT_FIELD_NUMBER, update.SerializeToString())
                + self._created_at
            )

    def _transaction(self, info: bytes) -> tuple[bytes, int]:
        """The update's body, and where in it the transaction itself starts."""
        inner = head(_Transaction.TRANSACTION_FIELD_NUMBER, len(info))
        slot_length = len(self._tail) - len(self._created_at)
        outer = head(_Update.TRANSACTION_FIELD_NUMBER, len(inner) + len(info) + slot_length)
        return b"".join((outer, inner, info, self._tail)), len(outer) + len(inner)

    def _matching(
        self, filters: Sequence[tuple[str, TransactionFilter]]
    ) -> Iterable[tuple[int, bytes]]:
        """The transactions that filters ask for, each with the start of its update."""
        if len(filters) == 1:
            start = prefix((filters[0][0],))
            return ((index, start) for index in self._matches_of(filters[0][1]))
        names: dict[int, tuple[str, ...]] = {}
        for name, each in filters:
            for index in self._matches_of(each):
                names[index] = (*names.get(index, ()), name)
        return ((index, prefix(names[index])) for index in sorted(names))

    def _matches_of(self, asked: TransactionFilter) -> tuple[int, ...]:
        if (known := self._matches.get(asked)) is not None:
            return known
        found = tuple(index for index, info in enumerate(self._infos()) if asked.matches(info))
        if len(self._matches) == MATCHES_MAX:
            self._matches.clear()
        self._matches[asked] = found
        return found

    def _infos(self) -> Iterable[_Info]:
        if self._parsed is not None:
            return self._parsed
        return map(self._info, range(self.transactions_count))

    def _info(self, index: int) -> _Info:
        if self._parsed is not None:
            return self._parsed[index]
        return _Info.FromString(self._info_bytes(index))

    def _info_bytes(self, index: int) -> bytes:
        return self._transactions[index][self._starts[index] : -len(self._tail)]

    def _status(self, info: _Info) -> bytes:
        status = geyser_pb2.SubscribeUpdateTransactionStatus(
            slot=self.slot,
            signature=info.signature,
            is_vote=info.is_vote,
            index=info.index,
            err=info.meta.err if info.meta.HasField("err") else None,
        )
        payload = status.SerializeToString()
        return field(_Update.TRANSACTION_STATUS_FIELD_NUMBER, payload) + self._created_at

    def _account(self, account: geyser_pb2.SubscribeUpdateAccountInfo) -> bytes:
        update = geyser_pb2.SubscribeUpdateAccount(account=account, slot=self.slot)
        payload = update.SerializeToString()
        return field(_Update.ACCOUNT_FIELD_NUMBER, payload) + self._created_at

    def _block(self, asked: BlockFilter) -> bytes:
        if (known := self._blocks.get(asked)) is not None:
            return known
        encoded = self._encoded_block(asked)
        if self._parsed is not None and len(self._blocks) < BLOCKS_MAX:
            self._blocks[asked] = encoded
        return encoded

    def _encoded_block(self, asked: BlockFilter) -> bytes:
        parts = [self._block_head]
        if asked.transactions:
            touching = TransactionFilter(include=asked.include)
            number = _Block.TRANSACTIONS_FIELD_NUMBER
            parts += [
                field(number, self._info_bytes(index)) for index in self._matches_of(touching)
            ]
        if asked.accounts:
            parts += [
                field(_Block.ACCOUNTS_FIELD_NUMBER, account.SerializeToString())
                for account in self._accounts
                if not asked.include or account.pubkey in asked.include
            ]
        return wrapped(_Update.BLOCK_FIELD_NUMBER, parts, self._created_at)


def _names(
    filters: Sequence[tuple[str, AccountFilter]], account: geyser_pb2.SubscribeUpdateAccountInfo
) -> tuple[str, ...]:
    return tuple(name for name, each in filters if each.matches(account))


def _wants(
    asked: SlotFilter,
    status: geyser_pb2.SlotStatus.ValueType,
    commitment: Commitment,
) -> bool:
    own = _BY_COMMITMENT.get(status)
    if asked.only_own_commitment and own != commitment:
        return False
    return asked.interslot or own is not None


def _meta(block: _Block) -> geyser_pb2.SubscribeUpdateBlockMeta:
    return geyser_pb2.SubscribeUpdateBlockMeta(
        slot=block.slot,
        blockhash=block.blockhash,
        rewards=block.rewards if block.HasField("rewards") else None,
        block_time=block.block_time if block.HasField("block_time") else None,
        block_height=block.block_height if block.HasField("block_height") else None,
        parent_slot=block.parent_slot,
        parent_blockhash=block.parent_blockhash,
        executed_transaction_count=block.executed_transaction_count,
        entries_count=block.entries_count,
    )


def _block_head(block: _Block) -> _Block:
    return _Block(
        slot=block.slot,
        blockhash=block.blockhash,
        rewards=block.rewards if block.HasField("rewards") else None,
        block_time=block.block_time if block.HasField("block_time") else None,
        block_height=block.block_height if block.HasField("block_height") else None,
        parent_slot=block.parent_slot,
        parent_blockhash=block.parent_blockhash,
        executed_transaction_count=block.executed_transaction_count,
        updated_account_count=block.updated_account_count,
        entries_count=block.entries_count,
    )
