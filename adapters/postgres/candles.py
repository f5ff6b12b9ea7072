"""Keeps candles."""

import logging
from typing import ClassVar

from msgspec.structs import astuple

from adapters.postgres.candle_pages import ENDS, PAGES, VIEW, take_apart
from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.horizons import candles_from
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert, added, first, latest
from projections.buckets import HOUR_S
from projections.candles import Candle, Candles, Changes

_log = logging.getLogger("curvetape.projections")


def _reached(price: str, choice: str) -> str:
    """Assignments of an extreme price and of the lowest position at which it was reached."""
    return f"""
        {price} = {choice}(kept.{price}, excluded.{price}),
        {price}_pos = case
            when kept.{price} = excluded.{price}
                then least(kept.{price}_pos, excluded.{price}_pos)
            when kept.{price} = {choice}(kept.{price}, excluded.{price}) then kept.{price}_pos
            else excluded.{price}_pos
        end
    """


_UPSERT = Upsert(
    "candle_rows",
    {
        "mint": "text",
        "interval_s": "integer",
        "start_s": "bigint",
        "open_pos": "bigint",
        "open": "double precision",
        "close_pos": "bigint",
        "close": "double precision",
        "high_pos": "bigint",
        "high": "double precision",
        "low_pos": "bigint",
        "low": "double precision",
        "volume_quote": "numeric",
        "volume_quote_buy": "numeric",
        "volume_token": "numeric",
        "buys": "bigint",
        "sells": "bigint",
    },
    key=("mint", "interval_s", "start_s"),
    view="candles",
    action="update set "
    + ", ".join(
        (
            first("open_pos", "open"),
            latest("close_pos", "close"),
            _reached("high", "greatest"),
            _reached("low", "least"),
            added("volume_quote", "volume_quote_buy", "volume_token", "buys", "sells"),
        )
    ),
)

HOURS = Upsert(
    "candle_hours",
    {
        "start_s": "bigint",
        "mint": "text",
        "open_pos": "bigint",
        "open": "double precision",
        "close_pos": "bigint",
        "close": "double precision",
        "volume_quote": "numeric",
        "buys": "bigint",
        "sells": "bigint",
    },
    key=("start_s", "mint"),
    action="update set "
    + ", ".join(
        (
            first("open_pos", "open"),
            latest("close_pos", "close"),
            added("volume_quote", "buys", "sells"),
        )
    ),
)
"""What is added up of all tokens, with an hour's side by side."""

assert tuple(_UPSERT.columns)[3:] == Candle.__struct_fields__, "a row has a candle as it is"


class CandleStore(CheckpointedStore[Changes]):
    """The candles read model in PostgreSQL."""

    name: ClassVar = Candles.name
    version: ClassVar = Candles.version
    tables: ClassVar = (_UPSERT, HOURS)
    bookkeeping: ClassVar = (PAGES, ENDS)
    views: ClassVar = {_UPSERT.view: VIEW}

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Fold the candles into those that are there."""
        if changes.unpriced:
            _log.warning("%d trades had reserves that make no price", changes.unpriced)
        if not changes.candles:
            return
        # In the order of the index, which keeps neighbours on the same page.
        rows = sorted((*key, *astuple(candle)) for key, candle in changes.candles.items())
        if since := await candles_from(connection):  # what was let go of does not come back
            rows = [row for row in rows if row[2] >= since.get(row[1], row[2])]
        await take_apart(connection, [row[:3] for row in rows])
        await _UPSERT.merge(connection, rows)
        hours = sorted(
            (
                start_s,
                mint,
                it.open_pos,
                it.open,
                it.close_pos,
                it.close,
                it.volume_quote,
                it.buys,
                it.sells,
            )
            for (mint, length_s, start_s), it in changes.candles.items()
            if length_s == HOUR_S
        )
        await HOURS.merge(connection, hours)
