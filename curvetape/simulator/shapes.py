"""A transaction whose form is settled: filling its holes makes the bytes of a landed one."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2
from curvetape.simulator.wire import Hole, Part, padded_varint, size, tag, varint

_meta = solana_storage_pb2.TransactionStatusMeta
_FEE = tag(_meta, "fee")
_PRE = tag(_meta, "pre_balances")
_POST = tag(_meta, "post_balances")
_PRE_TOKENS = tag(_meta, "pre_token_balances")
_POST_TOKENS = tag(_meta, "post_token_balances")
_INDEX = tag(geyser_pb2.SubscribeUpdateTransactionInfo, "index")
_TRANSACTION = tag(geyser_pb2.SubscribeUpdateBlock, "transactions")

_META_LENGTH = "meta_length"

SIGNATURE_LAMPORTS = 5_000

Lamports = tuple[int, int]
"""An account's balance before and after."""
TokenBalances = Sequence[tuple[bytes | None, bytes | None]]
"""Encoded `TokenBalance` messages before and after; None where the account does not exist."""


class Shape:
    """A transaction's bytes with holes, and what belongs to them."""

    def __init__(
        self,
        *,
        head: Sequence[Part],
        meta: Sequence[Part],
        index: Mapping[str, int],
        lamports: Sequence[tuple[str, int | None]],
        signers: int,
        units_max: int,
        event_places: tuple[tuple[int, int], ...],
        failed: bool,
    ) -> None:
        self.index = index
        """Each account's place by its name."""
        self.signers = signers
        self.units_max = units_max
        self.event_places = event_places
        """Where its events stand: top-level instruction and inner instruction, in order."""
        self.failed = failed
        self._meta_size = size(meta)
        parts = _alternating([*head, Hole(_META_LENGTH, 3), *meta])
        self._parts: list[bytes] = [b"" if isinstance(part, Hole) else part for part in parts]
        holes = [part for part in parts if isinstance(part, Hole)]
        self._values = itemgetter(*(hole.name for hole in holes))
        self._size = size(parts)
        self._lamports = _grouped(lamports)

    def write(
        self,
        values: dict[str, bytes],
        fee: int,
        lamports: Mapping[str, Lamports],
        tokens: TokenBalances,
        index: int,
    ) -> bytes:
        """The transaction as a field of a block; every hole has its value in `values`."""
        before, after = bytearray(), bytearray()
        for known, name in self._lamports:
            before += known
            after += known
            if name:
                pre, post = lamports[name]
                encoded = varint(pre)
                before += encoded
                after += encoded if pre == post else varint(post)
        ending = bytearray(_FEE + varint(fee) + _PRE + varint(len(before)))
        ending += before
        ending += _POST + varint(len(after))
        ending += after
        for token_before, token_after in tokens:
            if token_before is not None:
                ending += _PRE_TOKENS + varint(len(token_before))
                ending += token_before
            if token_after is not None:
                ending += _POST_TOKENS + varint(len(token_after))
                ending += token_after
        values[_META_LENGTH] = padded_varint(self._meta_size + len(ending))
        ending += _INDEX + varint(index)
        parts = self._parts.copy()
        parts[1::2] = self._values(values)
        body = b"".join(parts)
        assert len(body) == self._size, "a value did not fit its hole"
        return b"".join((_TRANSACTION, varint(len(body) + len(ending)), body, ending))


def _alternating(parts: Sequence[Part]) -> list[Part]:
    """The same with exactly one run of bytes, maybe empty, before and after each hole."""
    runs: list[Part] = []
    known = bytearray()
    for part in parts:
        if isinstance(part, Hole):
            runs += (bytes(known), part)
            known.clear()
        else:
            known += part
    return [*runs, bytes(known)]


def _grouped(lamports: Sequence[tuple[str, int | None]]) -> tuple[tuple[bytes, str], ...]:
    """Runs of known balances, each followed by the name of an unknown one, or by none."""
    runs: list[tuple[bytes, str]] = []
    known = b""
    for name, balance in lamports:
        if balance is None:
            runs.append((known, name))
            known = b""
        else:
            known += varint(balance)
    return (*runs, (known, ""))
