"""Keeps what tokens are found by, and notes which documents changed."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

import asyncpg

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert, added, first, known, latest
from projections.search import (
    Changes,
    Facts,
    Figures,
    Key,
    Search,
    add,
    cutoff,
    described_words,
    words,
)
from projections.token_description import Described

_FIGURES = {
    "priced_pos": "bigint",
    "price": "double precision",
    "supplied_pos": "bigint",
    "supply_reported": "numeric",
    "traded_pos": "bigint",
    "traded_time_s": "bigint",
    "traded_quote_mint": "text",
    "quote_decimals": "smallint",
    "trades": "bigint",
    "volume_quote": "numeric",
}
_FIGURES_MERGED = (
    latest("priced_pos", "price"),
    latest("supplied_pos", "supply_reported"),
    latest("traded_pos", "traded_time_s", "traded_quote_mint"),
    known("quote_decimals"),
    added("trades", "volume_quote"),
)

_DOCUMENTS = Upsert(
    "search_documents",
    {
        "mint": "text",
        "created_pos": "bigint",
        "created_time_s": "bigint",
        "name": "text",
        "symbol": "text",
        "words": "text",
        "creator": "text",
        "created_quote_mint": "text",
        "completed_pos": "bigint",
        "graduated_pos": "bigint",
        "pool_pos": "bigint",
        **_FIGURES,
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
                "words",
                "creator",
                "created_quote_mint",
            ),
            first("completed_pos"),
            first("graduated_pos"),
            first("pool_pos"),
            *_FIGURES_MERGED,
        )
    ),
)

_WAITING = Upsert(
    "search_waiting",
    {"start_s": "bigint", "mint": "text", **_FIGURES},
    key=("start_s", "mint"),
    action=f"update set {', '.join(_FIGURES_MERGED)}",
)

_BURNS = Upsert(
    "search_burns",
    {"mint": "text", "pos": "bigint", "amount": "numeric"},
    key=("mint", "pos"),
    action="nothing",
)

_CHANGES = Upsert(
    "search_changes",
    {"mint": "text", "tick": "bigint"},
    key=("mint",),
    action="update set tick = excluded.tick",
)

_CLOCK = Upsert(
    "search_clock",
    {"single": "boolean", "latest_s": "bigint"},
    key=("single",),
    action="update set tick = kept.tick + 1, latest_s = greatest(kept.latest_s, excluded.latest_s)",
)
_TICK = f"{_CLOCK.sql} returning tick, latest_s"
"""Whoever saves waits here for the one before, so a higher tick is committed later."""

_DESCRIBE = """
    update search_documents as kept
    set described_attempt = said.attempt, description = said.description,
        description_words = said.words, has_website = said.website, has_twitter = said.twitter,
        has_telegram = said.telegram
    from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::bool[], $6::bool[],
        $7::bool[]) as said (mint, attempt, description, words, website, twitter, telegram)
    where kept.mint = said.mint
        and (kept.described_attempt is null or kept.described_attempt < said.attempt)
"""
"""Apart from all else, since a token is described once: figures are merged thousands of times."""

_DUE = "delete from search_waiting where start_s < $1 returning *"

_OF_THESE = "where mint = any($1::text[])"
_RECKON = f"""
    update search_documents as kept set burned_later = burns.amount
    from (
        select mint, coalesce(sum(amount) filter (where pos > supplied_pos), 0) as amount
        from search_documents join search_burns using (mint)
        {_OF_THESE}
        group by mint
    ) as burns
    where kept.mint = burns.mint and kept.burned_later <> burns.amount
"""  # noqa: S608  # the program's own condition
RECKON_ALL = _RECKON.replace(_OF_THESE, "")
"""Reckons the supplies of all documents anew, from what was burned behind the last report."""


class SearchStore(CheckpointedStore[Changes]):
    """The search read model in PostgreSQL."""

    name: ClassVar = Search.name
    version: ClassVar = Search.version
    tables: ClassVar = (_DOCUMENTS, _WAITING, _BURNS)
    bookkeeping: ClassVar = (_CHANGES, _CLOCK)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Merge facts and the figures that are due into the documents; the others wait."""
        if not (changes.facts or changes.figures or changes.latest_s):
            return
        clock = await connection.fetchrow(_TICK, *_CLOCK.arguments(((True,), (changes.latest_s,))))
        assert clock is not None, "it was written just now"
        cutoff_s = cutoff(clock["latest_s"])
        figures, later = changes.due(cutoff_s)
        for row in await connection.fetch(_DUE, cutoff_s):
            add(figures, row["mint"], _figures_of(row))
        await _wait(connection, later)
        await _document(connection, changes.facts, figures, clock["tick"])


async def _wait(connection: Connection, later: Mapping[Key, Figures]) -> None:
    if later:
        # In the order of the index, which keeps neighbours on the same page.
        rows = [
            (start_s, mint, *_columns(figures))
            for (mint, start_s), figures in sorted(later.items(), key=lambda each: each[0])
        ]
        await _WAITING.merge(connection, rows)


async def _document(
    connection: Connection,
    facts: Mapping[str, Facts],
    figures: Mapping[str, Figures],
    tick: int,
) -> None:
    mints = sorted(facts.keys() | figures.keys())
    if not mints:
        return
    none, nothing = Facts(), Figures()
    rows = [
        (mint, *_said(facts.get(mint, none)), *_columns(figures.get(mint, nothing)))
        for mint in mints
    ]
    await _DOCUMENTS.merge(connection, rows)
    described = [
        (mint, *_described(each.described)) for mint, each in facts.items() if each.described
    ]
    if described:
        await connection.execute(_DESCRIBE, *map(list, zip(*described, strict=True)))
    burns = [
        (mint, pos, amount) for mint, each in facts.items() for pos, amount in each.burned.items()
    ]
    if burns:
        await _BURNS.merge(connection, burns)
    supplied = [mint for mint, each in figures.items() if each.supplied_pos >= 0]
    if burns or supplied:
        await connection.execute(_RECKON, [*supplied, *(mint for mint, _, _ in burns)])
    await _CHANGES.merge(connection, [(mint, tick) for mint in mints])


def _said(facts: Facts) -> Sequence[object]:
    created = facts.created
    return (
        *(
            (None,) * 7
            if created is None
            else (
                created.pos,
                created.time_s,
                _text(created.name),
                _text(created.symbol),
                words(created),
                created.creator,
                created.quote_mint,
            )
        ),
        facts.completed_pos,
        facts.graduated_pos,
        facts.pool_pos,
    )


def _described(said: Described) -> Sequence[object]:
    written = described_words(said)
    return (
        said.attempt,
        None if said.description is None else _text(said.description),
        None if written is None else _text(written),
        said.website is not None,
        said.twitter is not None,
        said.telegram is not None,
    )


def _columns(figures: Figures) -> Sequence[object]:
    return (
        _position(figures.priced_pos),
        figures.price,
        _position(figures.supplied_pos),
        figures.supply,
        _position(figures.traded_pos),
        figures.traded_time_s,
        figures.quote_mint,
        figures.quote_decimals,
        figures.trades,
        figures.volume_quote,
    )


def _figures_of(row: asyncpg.Record) -> Figures:
    return Figures(
        priced_pos=_number(row["priced_pos"]),
        price=row["price"],
        supplied_pos=_number(row["supplied_pos"]),
        supply=None if row["supply_reported"] is None else _units(row["supply_reported"]),
        traded_pos=_number(row["traded_pos"]),
        traded_time_s=row["traded_time_s"],
        quote_mint=row["traded_quote_mint"],
        quote_decimals=row["quote_decimals"],
        trades=_number(row["trades"]),
        volume_quote=_units(row["volume_quote"]),
    )


def _position(pos: int) -> int | None:
    return None if pos < 0 else pos


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _units(value: object) -> int:
    assert isinstance(value, Decimal), "the driver hands over `numeric` so"
    return int(value)


def _text(value: str) -> str:
    # Anyone may put a zero byte into a token's name; the database's text cannot hold one.
    return value.replace("\0", "")
