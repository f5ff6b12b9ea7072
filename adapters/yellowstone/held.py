"""What an owner holds of a mint, from token balances that are still bytes."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from adapters.yellowstone.wire.solana_storage_pb2 import TokenBalance

_DIGITS_MAX = 20
"""The largest u64 has so many."""
_APART_MAX = 131
"""Bytes between the texts of a balance's mint and owner, where their length is one byte."""

_AMOUNT, _FLOAT, _DECIMALS, _DIGITS, _OWNER = 0x1A, 0x09, 0x10, 0x1A, 0x22
"""The tags between and before these texts in the order in which every node writes them."""


def held(balances: Sequence[bytes], owner: str, mint: str) -> int | None:
    """The sum over the owner's accounts of the mint; None without one, or if one is unreadable.

    Nearly every trade asks this, so all balances are searched at once. What is encoded as every
    node does, once for the owner, is read where it stands; anything else as the message that it is.
    """
    text, joined = owner.encode(), b"".join(balances)
    end = joined.find(text)
    if end < 0:
        return None
    own = mint.encode()
    if joined.find(text, end + 1) >= 0:
        # Nearly always its wrapped SOL or USDC, beside one account of the token.
        of_mint = [each for each in balances if own in each and text in each]
        if len(of_mint) != 1:
            return _sum(balances, owner, mint)
        joined = of_mint[0]
        end = joined.find(text)
    at = joined.rfind(own, max(end - _APART_MAX - len(own), 0), end) + len(own)
    # The owner's own tag and length stand between the amount and its text.
    if (
        at >= len(own)
        and joined[at] == _AMOUNT
        and at + joined[at + 1] + 4 == end
        and joined[end - 2] == _OWNER
    ):
        at += 11 if joined[at + 2] == _FLOAT else 2
        if joined[at] == _DECIMALS:
            at += 2
        digits = joined[at + 2 : at + 2 + joined[at + 1]]
        if joined[at] == _DIGITS and digits.isdigit() and len(digits) <= _DIGITS_MAX:
            return int(digits)
    return _sum(balances, owner, mint)


def _sum(balances: Sequence[bytes], owner: str, mint: str) -> int | None:
    found = []
    for encoded in balances:
        try:
            balance = TokenBalance.FromString(encoded)
        except DecodeError:
            return None
        if balance.owner == owner and balance.mint == mint:
            digits = balance.ui_token_amount.amount.encode()
            if not digits.isdigit() or len(digits) > _DIGITS_MAX:
                return None
            found.append(int(digits))
    return sum(found) if found else None
