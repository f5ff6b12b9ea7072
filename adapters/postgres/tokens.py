"""Keeps token cards."""

from typing import ClassVar

import msgspec

from adapters.postgres import token_description
from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert, added, first, highest, known, latest
from projections.token_change import TokenChange
from projections.tokens import Changes, Tokens

_UPSERT = Upsert(
    "tokens",
    {
        "mint": "text",
        "created_pos": "bigint",
        "created_time_s": "bigint",
        "name": "text",
        "symbol": "text",
        "uri": "text",
        "creator": "text",
        "bonding_curve": "text",
        "created_quote_mint": "text",
        "initial_real_token_reserves": "numeric",
        "created_user": "text",
        "created_supply": "numeric",
        "priced_pos": "bigint",
        "price": "double precision",
        "virtual_quote_reserves": "numeric",
        "virtual_token_reserves": "numeric",
        "held_quote_reserves": "numeric",
        "curve_pos": "bigint",
        "real_quote_reserves": "numeric",
        "real_token_reserves": "numeric",
        "supplied_pos": "bigint",
        "supply_reported": "numeric",
        "completed_pos": "bigint",
        "completed_time_s": "bigint",
        "graduated_pos": "bigint",
        "graduated_time_s": "bigint",
        "graduated_pool": "text",
        "graduated_token_amount": "numeric",
        "graduated_quote_amount": "numeric",
        "graduated_fee_amount": "numeric",
        "pool_pos": "bigint",
        "pool": "text",
        "first_trade_pos": "bigint",
        "first_trade_time_s": "bigint",
        "last_trade_pos": "bigint",
        "last_trade_time_s": "bigint",
        "last_trade_quote_mint": "text",
        "high_pos": "bigint",
        "high_time_s": "bigint",
        "high_price": "double precision",
        "high_supply_reported": "numeric",
        "quote_decimals": "smallint",
        "token_decimals": "smallint",
        "trades": "bigint",
        "buys": "bigint",
        "sells": "bigint",
        "volume_quote": "numeric",
        **token_description.COLUMNS,
    },
    key=("mint",),
    action="update set "
    + ", ".join(
        (
            first(
                "created_pos",
                "created_time_s",
                "name",
                "symbol",
                "uri",
                "creator",
                "bonding_curve",
                "created_quote_mint",
                "initial_real_token_reserves",
                "created_user",
                "created_supply",
            ),
            latest(
                "priced_pos",
                "price",
                "virtual_quote_reserves",
                "virtual_token_reserves",
                "held_quote_reserves",
            ),
            latest("curve_pos", "real_quote_reserves", "real_token_reserves"),
            latest("supplied_pos", "supply_reported"),
            first("completed_pos", "completed_time_s"),
            first(
                "graduated_pos",
                "graduated_time_s",
                "graduated_pool",
                "graduated_token_amount",
                "graduated_quote_amount",
                "graduated_fee_amount",
            ),
            first("pool_pos", "pool"),
            first("first_trade_pos", "first_trade_time_s"),
            latest("last_trade_pos", "last_trade_time_s", "last_trade_quote_mint"),
            highest("high_price", "high_pos", "high_time_s", "high_supply_reported"),
            known("quote_decimals", "token_decimals"),
            added("trades", "buys", "sells", "volume_quote"),
            token_description.MERGED,
        )
    ),
)

_BURN = Upsert(
    "token_burns",
    {"mint": "text", "pos": "bigint", "amount": "numeric"},
    key=("mint", "pos"),
    action="nothing",
)

_REPORT = Upsert(
    "token_reports",
    {
        "mint": "text",
        "pos": "bigint",
        "price": "double precision",
        "virtual_quote_reserves": "numeric",
        "virtual_token_reserves": "numeric",
        "held_quote_reserves": "numeric",
        "real_token_reserves": "numeric",
        "supply": "numeric",
    },
    key=("mint", "pos"),
    action="nothing",
)

_OF_THESE = "where mint = any($1::text[])"
_RECKON = f"""
    update tokens set burned_later = burns.later, burned_by_high = burns.by_high
    from (
        select mint, coalesce(sum(amount) filter (where pos > supplied_pos), 0) as later,
            coalesce(sum(amount) filter (where pos < high_pos), 0) as by_high
        from tokens join token_burns using (mint)
        {_OF_THESE}
        group by mint
    ) as burns
    where tokens.mint = burns.mint
        and (tokens.burned_later <> burns.later or tokens.burned_by_high <> burns.by_high)
"""  # noqa: S608  # the program's own condition
RECKON_ALL = _RECKON.replace(_OF_THESE, "")
"""Reckons the supplies of all cards anew, from what was burned before and behind."""
ANYONES_TEXTS = ("name", "symbol", "uri")
"""Columns in which the database cannot hold all that a launch may say, see `_text`."""


class TokenStore(CheckpointedStore[Changes]):
    """The tokens read model in PostgreSQL."""

    name: ClassVar = Tokens.name
    version: ClassVar = Tokens.version
    tables: ClassVar = (_UPSERT, _BURN, _REPORT)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Merge the changes into the cards, then reckon the supplies that they touch."""
        if not changes:
            return
        rows = [_row(mint, change) for mint, change in sorted(changes.items())]
        await _UPSERT.merge(connection, rows)
        burns = [
            (mint, pos, amount)
            for mint, change in changes.items()
            for pos, amount in change.burned.items()
        ]
        if burns:
            await _BURN.merge(connection, burns)
        reports = [
            (mint, pos, *msgspec.structs.astuple(said))
            for mint, change in sorted(changes.items())
            for pos, said in change.reported.items()
        ]
        if reports:
            await _REPORT.merge(connection, reports)
        reckoned = [
            mint
            for mint, change in changes.items()
            if change.supplied or change.burned or change.high
        ]
        if reckoned:
            await connection.execute(_RECKON, reckoned)


def _row(mint: str, change: TokenChange) -> tuple[object, ...]:
    created, priced, curve = change.created, change.priced, change.curve_reserves
    supplied, completed, graduated = change.supplied, change.completed, change.graduated
    pooled, opening, closing = change.pooled, change.first_trade, change.last_trade
    high = change.high
    return (
        mint,
        *(
            (None,) * 11
            if created is None
            else (
                created.pos,
                created.time_s,
                _text(created.name),
                _text(created.symbol),
                _text(created.uri),
                created.creator,
                created.bonding_curve,
                created.quote_mint,
                created.initial_real_token_reserves,
                created.user,
                created.supply,
            )
        ),
        *(
            (None,) * 5
            if priced is None
            else (
                priced.pos,
                priced.price,
                priced.virtual_quote_reserves,
                priced.virtual_token_reserves,
                priced.held_quote_reserves,
            )
        ),
        *(
            (None,) * 3
            if curve is None
            else (curve.pos, curve.real_quote_reserves, curve.real_token_reserves)
        ),
        *((None, None) if supplied is None else (supplied.pos, supplied.supply)),
        *((None, None) if completed is None else (completed.pos, completed.time_s)),
        *(
            (None,) * 6
            if graduated is None
            else (
                graduated.pos,
                graduated.time_s,
                graduated.pool,
                graduated.token_amount,
                graduated.quote_amount,
                graduated.fee_amount,
            )
        ),
        *((None, None) if pooled is None else (pooled.pos, pooled.pool)),
        *((None, None) if opening is None else (opening.pos, opening.time_s)),
        *((None,) * 3 if closing is None else (closing.pos, closing.time_s, closing.quote_mint)),
        *((None,) * 4 if high is None else (high.pos, high.time_s, high.price, high.supply)),
        change.quote_decimals,
        change.token_decimals,
        change.trades,
        change.buys,
        change.sells,
        change.volume_quote,
        *token_description.values(change.described),
    )


def _text(value: str) -> str:
    # Anyone may put a zero byte into a token's name; the database's text cannot hold one.
    return value.replace("\0", "")
