"""What a transaction's token balances say about mints, read once and only if asked."""

from collections.abc import Iterator

from solders.pubkey import Pubkey

from domain.chain import RawTransaction, TokenBalance
from domain.programs import SOL_DECIMALS, USDC, USDC_DECIMALS, WRAPPED_SOL

_KNOWN_DECIMALS = {WRAPPED_SOL: SOL_DECIMALS, USDC: USDC_DECIMALS}


class Balances:
    """The token accounts of a transaction, before and after it."""

    def __init__(self, tx: RawTransaction) -> None:
        self._tx = tx

    def decimals(self, mint: str) -> int | None:
        """A mint's decimals; None where no token account of it takes part."""
        known = _KNOWN_DECIMALS.get(mint)
        if known is not None:
            return known
        return self._tx.details.mint_decimals(mint)

    def after(self, owner: str, mint: str) -> int | None:
        """What an owner has of a mint after the transaction; None where it does not report it."""
        return self._tx.details.balance_after(owner, mint)

    def mint_of(self, account: bytes) -> str | None:
        """The mint of a token account; None for one that exists only within the transaction."""
        keys = self._tx.account_keys
        if account not in keys:
            return None
        index = keys.index(account)
        return next((b.mint for b in self._all() if b.account_index == index), None)

    def owned(self, owner: str) -> dict[str, set[int]]:
        """The mints of the owner's token accounts with the amounts before the transaction.

        A mint is text of the source's: what is no address is left out.
        """
        mints: dict[str, set[int]] = {}
        for balance in self._tx.details.pre_token_balances:
            if balance.owner == owner:
                mints.setdefault(balance.mint, set()).add(_amount(balance))
        for balance in self._tx.details.post_token_balances:
            if balance.owner == owner:
                mints.setdefault(balance.mint, set())
        return {mint: amounts for mint, amounts in mints.items() if is_address(mint)}

    def _all(self) -> Iterator[TokenBalance]:
        yield from self._tx.details.pre_token_balances
        yield from self._tx.details.post_token_balances


def is_address(text: str) -> bool:
    """Whether a text is 32 bytes in base58."""
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True


def _amount(balance: TokenBalance) -> int:
    text = balance.ui_token_amount.amount
    # A text that is no u64 (20 digits) equals no amount of an event.
    return int(text) if text.isdecimal() and len(text) <= 20 else -1
