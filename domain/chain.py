"""What a source hands over: transactions and slots as the chain has them, not yet decoded."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec


class Instruction(Protocol):
    """An instruction of a message; Yellowstone's `CompiledInstruction` fits."""

    @property
    def program_id_index(self) -> int: ...
    @property
    def accounts(self) -> bytes: ...
    @property
    def data(self) -> bytes: ...


class InnerInstruction(Instruction, Protocol):
    """An instruction that another one called; Yellowstone's `InnerInstruction` fits."""

    @property
    def stack_height(self) -> int:
        """2 for a call by a top-level instruction, and so on; 0 where it was not recorded."""
        ...


class InnerInstructions(Protocol):
    """What one top-level instruction called, flattened in the order of the calls."""

    @property
    def index(self) -> int: ...
    @property
    def instructions(self) -> Sequence[InnerInstruction]: ...


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


class RawTransaction(msgspec.Struct, kw_only=True, frozen=True):
    """A landed transaction, a view on the source's own message that copies nothing.

    Account indexes count through `static_keys`, then `loaded_writable`, then `loaded_readonly`.
    """

    slot: int
    index: int
    """The transaction's index in its block."""
    signature: bytes
    failed: bool
    static_keys: Sequence[bytes]
    loaded_writable: Sequence[bytes]
    loaded_readonly: Sequence[bytes]
    instructions: Sequence[Instruction]
    inner_instructions: Sequence[InnerInstructions]
    inner_instructions_known: bool
    """False when the source did not record inner instructions at all."""
    log_messages: Sequence[str]
    pre_token_balances: Sequence[TokenBalance]
    post_token_balances: Sequence[TokenBalance]
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


class SlotsMissed(msgspec.Struct, kw_only=True, frozen=True):
    """Slots that the source could not give; comes before anything newer."""

    from_slot: int
    to_slot: int
    """The last slot that is missing, itself included."""
    reason: str
    received_at_ns: int


ChainUpdate: TypeAlias = RawTransaction | BlockMeta | SlotsMissed
