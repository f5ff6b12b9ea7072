"""A transaction whose form is settled: filling its holes makes the bytes of a landed one."""

from collections.abc import Mapping, Sequence

from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2
from curvetape.simulator.wire import Hole, Part, padded_varint, tag, varint

_meta = solana_storage_pb2.TransactionStatusMeta
_FEE = tag(_meta, "fee")
_PRE = tag(_meta, "pre_balances")
_POST = tag(_meta, "post_balances")
_PRE_TOKENS = tag(_meta, "pre_token_balances")
_POST_TOKENS = tag(_meta, "post_token_balances")
_INDEX = tag(geyser_pb2.SubscribeUpdateTransactionInfo, "index")
_TRANSACTION = tag(geyser_pb2.SubscribeUpdateBlock, "transactions")

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
        self._body, self._spans = _laid_out([*head, Hole("meta_length", 3), *meta])
        self._meta_start = self._spans["meta_length"][0][1]
        self._spans_flat = tuple(
            (name, start, stop)
            for name, spans in self._spans.items()
            if name != "meta_length"
            for start, stop in spans
        )
        self._lamports = _grouped(lamports)

    def write(
        self,
        values: Mapping[str, bytes],
        fee: int,
        lamports: Mapping[str, Lamports],
        tokens: TokenBalances,
        index: int,
    ) -> bytes:
        """The transaction as a field of a block; every hole has its value in `values`."""
        body = bytearray(self._body)
        for name, start, stop in self._spans_flat:
            body[start:stop] = values[name]
        assert len(body) == len(self._body), "a value did not fit its hole"
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
        start = self._meta_start
        body[start - 3 : start] = padded_varint(len(body) - start + len(ending))
        body += ending
        body += _INDEX + varint(index)
        return _TRANSACTION + varint(len(body)) + body


def _laid_out(parts: Sequence[Part]) -> tuple[bytes, dict[str, list[tuple[int, int]]]]:
    body = bytearray()
    spans: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        if isinstance(part, Hole):
            spans.setdefault(part.name, []).append((len(body), len(body) + part.size))
            body += bytes(part.size)
        else:
            body += part
    return bytes(body), spans


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
