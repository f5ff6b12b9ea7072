"""Trades as columns of numbers, as their tokens see them: what `price.fill` makes of one event.

Prices are the same to the last bit: what is not exact in columns of float64 is left to the
event-by-event core, and `odd` says what that is, by the same rule as `fill_frames`.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from projections.candle_columns import LENGTHS_S, SECONDS_MAX, Column, Columns
from projections.fill_frames import AMOUNTS, EXACT_MAX, LAST, PLACE, TEXTS

_UNKNOWN = -1
_AMOUNT_MAX = EXACT_MAX // 4
"""A quarter of what is exact, so that sums of three are exact as well."""


def odd(kind: str, rows: pa.Table) -> Column:
    """Of each row of a kind, whether only the event-by-event core reads it rightly."""
    found = np.zeros(len(rows), bool)
    for name in AMOUNTS[kind]:
        values = _numbers(rows, name, unknown=EXACT_MAX)
        found |= (values > _AMOUNT_MAX) | (values < -_AMOUNT_MAX)
    bounds = [*zip(PLACE, LAST, strict=True), ("block_time_s", SECONDS_MAX - LENGTHS_S[-1] - 1)]
    for name, last in bounds:
        values = _numbers(rows, name, unknown=_UNKNOWN)
        found |= (values < 0) | (values > last)
    for name in TEXTS[kind]:
        if rows[name].null_count:
            found |= _array(pc.is_null(rows[name])).to_numpy(zero_copy_only=False)
    return found


def trades(kind: str, rows: pa.Table) -> tuple[Columns, pa.Array]:
    """What moves the chart, of trades of one kind of which none is odd, and their mints.

    `mint` (a place in the mints), `start_s` (its second), `pos`, `price`, `quote_amount`,
    `token_amount` and `bought`, as in `price.Fill`.
    """
    names = _encoded(rows["mint"])
    bought = _is(rows["side"], "buy")
    quote, token = _numbers(rows, "quote_amount"), None
    if kind == "curve.traded":
        token = _numbers(rows, "token_amount")
        quote_reserves = _numbers(rows, "virtual_quote_reserves")
        token_reserves = _numbers(rows, "virtual_token_reserves")
        moves = (quote_reserves > 0) & (token_reserves > 0)
    else:
        base = _numbers(rows, "base_amount")
        # The base moves as the trade says, and the pool may call the token its quote.
        base_reserves = _numbers(rows, "pool_base_reserves") + np.where(bought, -base, base)
        held = _numbers(rows, "pool_quote_reserves") + _numbers(rows, "virtual_quote_reserves")
        held = held + _numbers(rows, "pool_quote_delta")
        turned = _turned(rows)
        quote_reserves = np.where(turned, base_reserves, held)
        token_reserves = np.where(turned, held, base_reserves)
        quote, token = np.where(turned, base, quote), np.where(turned, quote, base)
        bought = bought ^ turned
        canonical = _array(rows["canonical"]).to_numpy(zero_copy_only=False)
        moves = canonical & (quote_reserves > 0) & (token_reserves > 0)
    columns: dict[str, Column] = {
        "mint": names.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        "start_s": _numbers(rows, "block_time_s"),
        "pos": _order_key(rows),
        "quote_amount": quote,
        "token_amount": token,
        "bought": bought,
        "quote_reserves": quote_reserves,
        "token_reserves": token_reserves,
    }
    if not moves.all():
        columns = {name: of[moves] for name, of in columns.items()}
    quote_reserves, token_reserves = columns.pop("quote_reserves"), columns.pop("token_reserves")
    columns["price"] = quote_reserves.astype(np.float64) / token_reserves.astype(np.float64)
    return columns, names.dictionary


def _turned(rows: pa.Table) -> Column:
    mint, base, quote = (
        _array(rows[name]).cast(pa.string()) for name in ("mint", "base_mint", "quote_mint")
    )
    turned = pc.and_(pc.equal(mint, quote), pc.not_equal(mint, base))
    found: Column = turned.to_numpy(zero_copy_only=False)
    return found


def _order_key(rows: pa.Table) -> Column:
    """See `Position.order_key`."""
    key = _numbers(rows, PLACE[0])
    for name, last in zip(PLACE[1:], LAST[1:], strict=True):
        key = key * (last + 1) + _numbers(rows, name)
    return key


def _numbers(rows: pa.Table, name: str, *, unknown: int = 0) -> Column:
    column = rows[name]
    if column.null_count:
        column = pc.fill_null(column, unknown)
    found: Column = _array(column).to_numpy(zero_copy_only=False)
    return found


def _is(column: pa.ChunkedArray, text: str) -> Column:
    encoded = _encoded(column)
    place = encoded.dictionary.index(text).as_py()
    found: Column = encoded.indices.to_numpy(zero_copy_only=False) == place
    return found


def _encoded(column: pa.ChunkedArray) -> Any:
    """Texts as places in an array of those that there are."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return _array(column.unify_dictionaries())


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
