"""What a source hands over: transactions and blocks as the chain has them, not yet decoded."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec


class TokenAmount(Protocol):
    """A token balance: `amount` is a decimal text in the mint's own units."""

    @property
    def decimals(self) -> int: ...
    @property
    def amount(self) -> str: ...


class TokenBalance(Protocol):
    """A token account's balance before or after a transaction."""

    @property
    def account_index(self) -> int: ...
    @property
    def mint(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def ui_token_amount(self) -> TokenAmount: ...


class Details(Protocol):
    """What the runtime noted beside a transaction; a source need not read it until it is asked."""

    def mint_decimals(self, mint: str) -> int | None:
        """Of the first of the token balances with the mint; None where there is none."""
        ...

    def balance_after(self, owner: str, mint: str) -> int | None:
        """What the owner's accounts of the mint that take part hold after the transaction.

        0 where it closed all of them, None where there were none or they cannot be read.
        """
        ...

    @property
    def log_messages(self) -> Sequence[str]: ...
    @property
    def pre_token_balances(self) -> Sequence[TokenBalance]: ...
    @property
    def post_token_balances(self) -> Sequence[TokenBalance]: ...

    def encoded(self) -> bytes:
        """The whole transaction as Yellowstone encodes it: a `SubscribeUpdateTransactionInfo`."""
        ...


class RawTransaction(msgspec.Struct, kw_only=True, frozen=True):
    """A landed transaction as far as anyone has to look into it.

    Instructions stay as the chain's own storage encodes them, since most concern nobody here: the
    protobuf messages `CompiledInstruction` and, below top level, `InnerInstruction`, which share
    their first three fields.
    """

    slot: int
    index: int
    """The transaction's index in its block."""
    signature: bytes
    failed: bool
    account_keys: Sequence[bytes]
    """In the order in which indexes count them: static, loaded writable, loaded read-only."""
    instructions: Sequence[bytes]
    """The top-level instructions, encoded."""
    inner_instructions: Sequence[tuple[int, Sequence[bytes]]]
    """What a top-level instruction called, behind its index: encoded, in the order of the calls."""
    inner_instructions_known: bool
    """False when the source did not record inner instructions at all."""
    details: Details
    fee_lamports: int
    signature_count: int
    compute_units: int | None
    block_time_s: int
    """The block's time where the source knows it, else the second at which it sent the update."""
    received_at_ns: int


class BlockMeta(msgspec.Struct, kw_only=True, frozen=True):
    """A block's own data: its place in the chain, and what was executed in it."""

    slot: int
    parent_slot: int
    blockhash: str
    parent_blockhash: str
    block_time_s: int | None
    executed_transaction_count: int
    """All of the block's transactions, votes and strangers' too."""


Evidence: TypeAlias = Literal["block", "meta", "rpc"]
"""How a block's transactions were proven to be all that concern us: sent as one block by a node
that filtered it, gathered one by one until the block's meta and later ones had come, or picked
from the whole block that JSON-RPC gave."""


class Block(msgspec.Struct, kw_only=True, frozen=True):
    """A confirmed block with those of its transactions that touch our programs."""

    meta: BlockMeta
    transactions: Sequence[RawTransaction]
    """In the block's order; those that failed are among them, except with evidence `meta`."""
    evidence: Evidence
    received_at_ns: int

    @property
    def slot(self) -> int:
        """The slot that the block was made in."""
        return self.meta.slot


class AccountWritten(msgspec.Struct, kw_only=True, frozen=True):
    """An account as it was at the end of a confirmed slot."""

    account: str
    owner: str
    data: bytes
    slot: int
    received_at_ns: int


class SourceError(Exception):
    """A source cannot go on, and trying again will not help; the sentence says what to do."""


class UnreadableError(SourceError):
    """A source handed over bytes that are not what the chain's encoding allows."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} cannot be read; the source is damaged, or speaks a newer protocol"
        )
        self.what = what


ChainUpdate: TypeAlias = RawTransaction | Block | AccountWritten
"""A transaction by itself was seen at `processed`, and may be on a fork that dies."""
