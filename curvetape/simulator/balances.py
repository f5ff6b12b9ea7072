"""Token balances as a transaction's meta data have them."""

import struct
from functools import lru_cache

from adapters.yellowstone.wire import solana_storage_pb2
from curvetape.simulator.accounts import text
from curvetape.simulator.wire import delimited as _delimited
from curvetape.simulator.wire import solid, tag, varint

_balance = solana_storage_pb2.TokenBalance
_amount = solana_storage_pb2.UiTokenAmount

_INDEX = tag(_balance, "account_index")
_AMOUNT = tag(_balance, "ui_token_amount")
_UI = tag(_amount, "ui_amount")[0] | 1  # A double is eight bytes without a length before it.
_TEXT = tag(_amount, "amount")
_UI_TEXT = tag(_amount, "ui_amount_string")
_DOUBLE = struct.Struct("<Bd").pack
OWNERS_MAX = 50_000
"""Owners whose encoded name is remembered."""


def texts(mint: bytes, token_program: bytes) -> tuple[bytes, bytes]:
    """The encoded fields of a balance that name its mint and its token program."""
    return (
        solid(_delimited(tag(_balance, "mint"), text(mint).encode())),
        solid(_delimited(tag(_balance, "program_id"), text(token_program).encode())),
    )


@lru_cache(maxsize=OWNERS_MAX)
def _owner(owner: bytes) -> bytes:
    return solid(_delimited(tag(_balance, "owner"), text(owner).encode()))


_DECIMALS = {
    decimals: (tag(_amount, "decimals") + varint(decimals), 10**decimals)
    for decimals in range(1, 13)
}
"""The encoded field and the number of smallest units in a whole one."""


def token_balances(
    index: int,
    mint_texts: tuple[bytes, bytes],
    owner: bytes,
    decimals: int,
    *amounts: int | None,
) -> list[bytes | None]:
    """Encoded `TokenBalance` messages of the account with that index, one for each amount.

    None stands for an account that does not exist, and makes None.
    """
    decimals_field, unit = _DECIMALS[decimals]
    head = _INDEX + bytes((index,)) + mint_texts[0] + _AMOUNT
    tail = _owner(owner) + mint_texts[1]
    encoded: list[bytes | None] = []
    for amount in amounts:
        if amount is None:
            encoded.append(None)
            continue
        digits = b"%d" % amount
        if amount >= unit:
            shown = (digits[:-decimals] + b"." + digits[-decimals:]).rstrip(b"0").rstrip(b".")
            ui = _DOUBLE(_UI, amount / unit)
        elif amount:
            shown = b"0." + digits.zfill(decimals).rstrip(b"0")
            ui = _DOUBLE(_UI, amount / unit)
        else:
            shown, ui = b"0", b""
        sizes = len(digits), len(shown)
        length = len(ui) + len(decimals_field) + 4 + sizes[0] + sizes[1]
        encoded.append(
            b"".join(
                (
                    *(head, bytes((length,)), ui, decimals_field),
                    *(_TEXT, bytes((sizes[0],)), digits, _UI_TEXT, bytes((sizes[1],)), shown),
                    tail,
                )
            )
        )
    return encoded
