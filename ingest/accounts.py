"""A transaction's account keys by index."""

from domain.chain import RawTransaction


def account_key(tx: RawTransaction, index: int) -> bytes | None:
    """The key behind an account index; None where the transaction has none."""
    keys = tx.account_keys
    if index < len(keys):
        key = keys[index]
        return key if len(key) == 32 else None
    return None
