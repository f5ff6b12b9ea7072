"""A transaction's account keys by index, and back."""

from domain.chain import RawTransaction


def account_key(tx: RawTransaction, index: int) -> bytes | None:
    """The key behind an account index; None where the transaction has none."""
    for keys in (tx.static_keys, tx.loaded_writable, tx.loaded_readonly):
        count = len(keys)
        if index < count:
            key = keys[index]
            return key if len(key) == 32 else None
        index -= count
    return None


def account_index(tx: RawTransaction, key: bytes) -> int | None:
    """The index of a key; None where the transaction does not have it."""
    index = 0
    for keys in (tx.static_keys, tx.loaded_writable, tx.loaded_readonly):
        for candidate in keys:
            if candidate == key:
                return index
            index += 1
    return None
