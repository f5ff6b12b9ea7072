"""What a source hands over: transactions and slots as the chain has them, not yet decoded."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

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

    @property
    def log_messages(self) -> Sequence[str]: ...
    @property
    def pre_token_balances(self) -> Sequence[TokenBalance]: ...
    @property
    def post_token_balances(self) -> Sequence[TokenBalance]: ...


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
    """A block's own data, sent once all of it has been executed."""

    slot: int
    parent_slot: int
    blockhash: str
    parent_blockhash: str
    block_time_s: int | None
    executed_transaction_count: int


class SourceError(Exception):
    """A source cannot go on, and trying again will not help; the sentence says what to do."""


class UnreadableError(SourceError):
    """A source handed over bytes that are not what the chain's encoding allows."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} cannot be read; the source is damaged, or speaks a newer protocol"
        )
        self.what = what


class SlotsMissed(msgspec.Struct, kw_only=True, frozen=True):
    """Slots that the source could not give; comes before anything newer."""

    from_slot: int
    to_slot: int
    """The last slot that is missing, itself included."""
    reason: str
    received_at_ns: int


ChainUpdate: TypeAlias = RawTransaction | BlockMeta | SlotsMissed
