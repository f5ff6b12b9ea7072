"""What a subscriber asked for: its filters, checked and ready to be applied."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from solders.pubkey import Pubkey
from solders.signature import Signature

from adapters.yellowstone.wire import geyser_pb2

Commitment: TypeAlias = geyser_pb2.CommitmentLevel.ValueType

FILTERS_MAX = 64
"""Filters of one kind in one request."""
ACCOUNTS_MAX = 10_000
"""Addresses in one list of a filter."""
NAME_LENGTH_MAX = 128

M = TypeVar("M", bound=Message)


class FilterError(ValueError):
    """A request asks for something that it may not ask, or that is not served."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"failed to create filter: {reason}")


class TransactionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions by what they touch, loaded addresses included; all conditions have to hold."""

    vote: bool | None = None
    failed: bool | None = None
    signature: bytes | None = None
    include: frozenset[bytes] = frozenset()
    """At least one of these; empty for any."""
    exclude: frozenset[bytes] = frozenset()
    required: frozenset[bytes] = frozenset()

    def matches(self, info: geyser_pb2.SubscribeUpdateTransactionInfo) -> bool:
        """Whether the transaction is asked for."""
        if self.vote is not None and self.vote != info.is_vote:
            return False
        if self.failed is not None and self.failed != info.meta.HasField("err"):
            return False
        if self.signature is not None and self.signature != info.signature:
            return False
        if not (self.include or self.exclude or self.required):
            return True
        touched = set(info.transaction.message.account_keys)
        touched.update(info.meta.loaded_writable_addresses)
        touched.update(info.meta.loaded_readonly_addresses)
        if self.include and self.include.isdisjoint(touched):
            return False
        return self.exclude.isdisjoint(touched) and self.required <= touched


class AccountFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts by address and owner; an empty set stands for any."""

    accounts: frozenset[bytes]
    owners: frozenset[bytes]
    nonempty_signature: bool | None

    def matches(self, account: geyser_pb2.SubscribeUpdateAccountInfo) -> bool:
        """Whether the account is asked for."""
        if self.accounts and account.pubkey not in self.accounts:
            return False
        if self.owners and account.owner not in self.owners:
            return False
        signed = account.HasField("txn_signature")
        return self.nonempty_signature is None or self.nonempty_signature == signed


class BlockFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Every block, with those of its transactions and accounts that touch the addresses."""

    include: frozenset[bytes]
    transactions: bool
    accounts: bool


class SlotFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A slot's changes of status."""

    only_own_commitment: bool
    interslot: bool


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """All filters of one subscriber, each kind as pairs of a name and what it asks for."""

    commitment: Commitment
    transactions: tuple[tuple[str, TransactionFilter], ...]
    statuses: tuple[tuple[str, TransactionFilter], ...]
    accounts: tuple[tuple[str, AccountFilter], ...]
    blocks: tuple[tuple[str, BlockFilter], ...]
    block_metas: tuple[str, ...]
    slots: tuple[tuple[str, SlotFilter], ...]


def selection(request: geyser_pb2.SubscribeRequest) -> Selection:
    """Check a request; `FilterError` says what in it cannot be served.

    What this server does not know is refused too: a filter that was only ignored would let
    through more than was asked for.
    """
    if request.entry:
        raise FilterError("entries are not served here")
    if request.commitment not in geyser_pb2.CommitmentLevel.values():
        raise FilterError(f"failed to create CommitmentLevel from {request.commitment}")
    _refuse_unknown(request)
    return Selection(
        commitment=request.commitment,
        transactions=_transactions(request.transactions),
        statuses=_transactions(request.transactions_status),
        accounts=tuple(
            (
                name,
                AccountFilter(
                    accounts=_keys(each.account),
                    owners=_keys(each.owner),
                    nonempty_signature=_optional(each, "nonempty_txn_signature"),
                ),
            )
            for name, each in _named(request.accounts)
        ),
        blocks=tuple((name, _block(each)) for name, each in _named(request.blocks)),
        block_metas=tuple(name for name, _ in _named(request.blocks_meta)),
        slots=tuple(
            (
                name,
                SlotFilter(
                    only_own_commitment=each.filter_by_commitment,
                    interslot=each.interslot_updates,
                ),
            )
            for name, each in _named(request.slots)
        ),
    )


def _transactions(
    filters: Mapping[str, geyser_pb2.SubscribeRequestFilterTransactions],
) -> tuple[tuple[str, TransactionFilter], ...]:
    return tuple((name, _transaction(each)) for name, each in _named(filters))


def _transaction(source: geyser_pb2.SubscribeRequestFilterTransactions) -> TransactionFilter:
    return TransactionFilter(
        vote=_optional(source, "vote"),
        failed=_optional(source, "failed"),
        signature=_signature(source.signature) if source.HasField("signature") else None,
        include=_keys(source.account_include),
        exclude=_keys(source.account_exclude),
        required=_keys(source.account_required),
    )


def _block(source: geyser_pb2.SubscribeRequestFilterBlocks) -> BlockFilter:
    if source.include_entries:
        raise FilterError("`include_entries` is not allowed")
    return BlockFilter(
        include=_keys(source.account_include),
        transactions=_optional(source, "include_transactions") is not False,
        accounts=source.include_accounts,
    )


def _named(filters: Mapping[str, M]) -> Iterable[tuple[str, M]]:
    if len(filters) > FILTERS_MAX:
        raise FilterError(f"max amount of filters reached, only {FILTERS_MAX} allowed")
    for name, each in sorted(filters.items()):
        if len(name) > NAME_LENGTH_MAX:
            raise FilterError(f"oversized filter name (max allowed size {NAME_LENGTH_MAX})")
        _refuse_unknown(each)
        yield name, each


def _refuse_unknown(message: Message) -> None:
    unknown = UnknownFieldSet(message)
    if len(unknown):
        name = message.DESCRIPTOR.name
        raise FilterError(f"field {unknown[0].field_number} of {name} is not served here")


def _optional(message: Message, field: str) -> bool | None:
    return getattr(message, field) if message.HasField(field) else None


def _keys(texts: Iterable[str]) -> frozenset[bytes]:
    keys = set()
    for text in texts:
        try:
            keys.add(bytes(Pubkey.from_string(text)))
        except ValueError as error:
            raise FilterError(f"{text!r} is not an address: {error}") from error
    if len(keys) > ACCOUNTS_MAX:
        raise FilterError(f"max amount of addresses reached, only {ACCOUNTS_MAX} allowed")
    return frozenset(keys)


def _signature(text: str) -> bytes:
    try:
        return bytes(Signature.from_string(text))
    except ValueError as error:
        raise FilterError(f"{text!r} is not a signature: {error}") from error
