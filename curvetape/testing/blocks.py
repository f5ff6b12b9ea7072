"""Confirmed blocks and their transactions as sources hand them over, made up for tests."""

from collections.abc import Sequence

from domain.chain import Block, BlockMeta, Evidence, RawTransaction
from domain.programs import NATIVE_SOL


class NoDetails:
    """What the runtime noted beside a transaction of which nobody asks anything."""

    log_messages: Sequence[str] = ()
    pre_token_balances: Sequence[object] = ()
    post_token_balances: Sequence[object] = ()

    def mint_decimals(self, mint: str) -> int | None:
        """Of no mint."""
        return None if mint else 0

    def balance_after(self, owner: str, mint: str) -> int | None:
        """Of nobody."""
        return None if owner or mint else 0

    def encoded(self) -> bytes:
        """Nothing at all."""
        return b""


def raw(
    slot: int, number: int, *, index: int | None = None, failed: bool = False
) -> RawTransaction:
    """A transaction without any call; its signature says its number."""
    return RawTransaction(
        slot=slot,
        index=number if index is None else index,
        signature=number.to_bytes(64, "big"),
        failed=failed,
        account_keys=[bytes(32)],
        instructions=[],
        inner_instructions=[],
        inner_instructions_known=True,
        details=NoDetails(),  # type: ignore[arg-type]  # it has none of the balances either
        fee_lamports=5_000,
        signature_count=1,
        compute_units=None,
        block_time_s=slot,
        received_at_ns=1,
    )


def block(
    slot: int,
    parent: int,
    transactions: Sequence[RawTransaction] = (),
    *,
    fork: str = "",
    parent_fork: str | None = None,
    evidence: Evidence = "block",
) -> Block:
    """A confirmed block; `fork` makes it, and `parent_fork` its parent, another one of its slot."""
    return Block(
        meta=BlockMeta(
            slot=slot,
            parent_slot=parent,
            blockhash=blockhash(slot, fork),
            parent_blockhash=blockhash(parent, fork if parent_fork is None else parent_fork),
            block_time_s=slot,
            executed_transaction_count=1_000,
        ),
        transactions=transactions,
        evidence=evidence,
        received_at_ns=1,
    )


def blockhash(slot: int, fork: str = "") -> str:
    """The hash of a made-up block."""
    return f"{slot}{fork}-{NATIVE_SOL[:4]}"


def chained(slots: Sequence[int]) -> list[Block]:
    """Blocks of these slots, each the parent of the next; the first one's is the slot before."""
    parents = [slots[0] - 1, *slots]
    return [block(slot, parent) for slot, parent in zip(slots, parents, strict=False)]
