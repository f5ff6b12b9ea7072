"""Base58 as JSON-RPC writes the data of instructions; keys and signatures have solders."""

TEXT_LENGTH_MAX = 16_384
"""Longer text cannot be the data of an instruction, which ends at 10 KiB."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def decode(text: str) -> bytes:
    """The bytes that the text stands for; `ValueError` says which character is not base58."""
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"base58 text of {len(text)} characters, at most {TEXT_LENGTH_MAX}")
    number = 0
    for character in text:
        value = _VALUES.get(character)
        if value is None:
            raise ValueError(f"{character!r} is not a base58 character")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode(data: bytes) -> str:
    """The text for these bytes."""
    number = int.from_bytes(data, "big")
    text = []
    while number:
        number, value = divmod(number, 58)
        text.append(_ALPHABET[value])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(text))
