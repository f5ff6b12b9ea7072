"""Instructions in the encoding of the chain's storage: protobuf, read without a schema.

Fields 1 to 4 are the program's account index, the accounts' indexes (one byte each), the data and
the stack height. Encoders write them in this order and leave zeros out.
"""

import msgspec

from domain.chain import UnreadableError

PROGRAM_INDEX_AT = 1
"""Where in an encoding the program's account index stands, behind the tag of its field.

It is not left out, as it is not 0: the account with that index pays the fee and is no program.
"""
ONE_BYTE_INDEXES = 128
"""The number of account indexes that take one byte."""


class Instruction(msgspec.Struct, frozen=True, gc=False):
    """A decoded instruction."""

    program_id_index: int
    accounts: bytes
    data: bytes
    stack_height: int
    """2 for a call by a top-level instruction, and so on; 0 where it was not recorded."""


def instruction(encoded: bytes) -> Instruction:
    """Read an instruction; `UnreadableError` if the bytes are none."""
    try:
        accounts_size = encoded[3]
        accounts_end = 4 + accounts_size
        # The usual form: all four fields or the first three, sizes of one byte, data's of two.
        if (
            encoded[0] == 0x08
            and encoded[1] < 0x80
            and encoded[2] == 0x12
            and accounts_size < 0x80
            and encoded[accounts_end] == 0x1A
        ):
            size, start = encoded[accounts_end + 1], accounts_end + 2
            if size > 0x7F:
                # A third byte of the size makes it too long to be right, so it is found below.
                size += (encoded[start] - 1) << 7
                start += 1
            end = start + size
            behind = len(encoded) - end
            if behind == 2 and encoded[end] == 0x20 and encoded[end + 1] < 0x80:
                return Instruction(
                    encoded[1], encoded[4:accounts_end], encoded[start:end], encoded[end + 1]
                )
            if behind == 0:
                return Instruction(encoded[1], encoded[4:accounts_end], encoded[start:], 0)
    except IndexError:
        pass
    return _fields(encoded)


def _fields(encoded: bytes) -> Instruction:
    """Read any encoding that protobuf allows."""
    numbers, texts = {1: 0, 4: 0}, {2: b"", 3: b""}
    at = 0
    try:
        while at < len(encoded):
            tag, at = _varint(encoded, at)
            field, kind = tag >> 3, tag & 7
            if kind == 0:
                value, at = _varint(encoded, at)
                numbers[field] = value & 0xFFFFFFFF
            elif kind == 2:
                size, at = _varint(encoded, at)
                texts[field] = encoded[at : at + size]
                at += size
            elif kind in {1, 5}:
                at += 8 if kind == 1 else 4
            else:
                raise UnreadableError("an instruction")
    except IndexError:
        at = len(encoded) + 1
    if at != len(encoded):
        raise UnreadableError("an instruction")
    return Instruction(numbers[1], texts[2], texts[3], numbers[4])


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
