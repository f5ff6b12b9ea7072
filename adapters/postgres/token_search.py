"""Finds tokens in PostgreSQL: with pg_trgm also where a word is misspelt, else by parts of it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias

import asyncpg

from adapters.postgres.asking import asking, rows_of
from adapters.postgres.pool import Connection, Pool
from projections.reads import (
    SEARCH_TOTAL_MAX,
    Facet,
    Found,
    FoundToken,
    SearchSort,
    TokenSearch,
)
from projections.search import is_address_like, searched

TYPO_LENGTH_MIN = 5
"""Shorter words have to be spelt right: most of their neighbours are words of their own."""
PART_LENGTH_MIN = 3
"""Shorter words have to begin one: nearly every name holds them somewhere."""
SIMILARITY_MIN = 0.45
"""How much of a misspelt word's trigrams a name has to have: one wrong letter in a word of six
leaves about half of them."""

# ruff: noqa: S608  # statements are put together from the constants of this module only

FIELDS = """
    mint, name, symbol, creator, state, venue, quote_mint, quote_decimals, market_cap,
    volume_quote, trades, created_time_s, traded_time_s as last_trade_time_s, description,
    has_website, has_twitter, has_telegram
"""
_FILTERS = """
    listed
    and ($1::text is null or state = $1)
    and ($2::text is null or venue = $2)
    and ($3::text is null or quote_mint = $3)
    and ($4::text is null or creator = $4)
    and ($5::float8 is null or (for_sol and market_cap >= $5))
    and ($6::float8 is null or (for_sol and market_cap <= $6))
    and ($7::float8 is null or (for_sol and volume_quote >= $7))
    and ($8::float8 is null or (for_sol and volume_quote <= $8))
    and ($9::bigint is null or created_time_s >= $9)
    and ($10::bigint is null or created_time_s < $10)
    and ($11::bool is null or has_website = $11)
    and ($12::bool is null or has_twitter = $12)
    and ($13::bool is null or has_telegram = $13)
"""
_TEXT, _ADDRESS, _WORD = "$14::text", "$15::text", 16
"""Behind the filters: the folded text, an address or the beginning of one, and each word."""

# A folded text has no character that means anything in a pattern; names stand between bars.
_EXACT = f"words like '%| ' || {_TEXT} || ' |%'"
_FIELD_BEGINS = f"words like '%| ' || {_TEXT} || '%'"
_WORD_BEGINS = f"words like '% ' || {_TEXT} || '%'"
_HOLDS = f"words like '%' || {_TEXT} || '%'"
_OF_ADDRESS = (
    f"(mint >= {_ADDRESS} and mint < {_ADDRESS} || '~')"
    f" or (creator >= {_ADDRESS} and creator < {_ADDRESS} || '~')"
)
_MISSPELT = f"5 + round((1 - word_similarity({_TEXT}, words))::numeric, 1)"

_RANK = """
    case when for_sol then market_cap end desc nulls last,
    case when for_sol then volume_quote end desc nulls last,
    created_time_s desc nulls last, mint
"""
_SORTED_BY: dict[SearchSort, str] = {
    "relevance": "",
    "market_cap": "case when for_sol then market_cap end desc nulls last,",
    "volume": "case when for_sol then volume_quote end desc nulls last,",
    "created": "created_time_s desc nulls last,",
    "last_trade": "traded_time_s desc nulls last,",
}
_FACETS: Mapping[Facet, str] = {
    "state": "state",
    "venue": "venue",
    "quote_mint": "quote_mint",
    "has_website": "has_website",
    "has_twitter": "has_twitter",
    "has_telegram": "has_telegram",
}
"""Their columns."""
_TRGM = "select true from pg_extension where extname = 'pg_trgm'"
_THRESHOLD = "select set_config('pg_trgm.word_similarity_threshold', $1, true)"

Kind: TypeAlias = Literal["begins", "part", "nearly"]
"""How a word has to be there."""


class PostgresTokenSearch:
    """Fits `projections.reads.SearchReads`, on a pool whose statements have a short timeout."""

    _trgm: bool | None = None

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(self, asked: TokenSearch) -> Found:
        """A page of what is found, best first; may raise `ReadsUnavailableError`."""
        words = searched(asked.text)
        if asked.text.strip() and not words:
            return _found([], [])  # nothing but punctuation
        async with asking(self._pool) as connection, connection.transaction(readonly=True):
            return await self._search(connection, asked, words)

    async def _search(
        self, connection: Connection, asked: TokenSearch, words: Sequence[str]
    ) -> Found:
        if self._trgm is None:
            self._trgm = bool(await connection.fetchval(_TRGM))
        kinds = tuple(_kind(word, trgm=self._trgm) for word in words)
        if "nearly" in kinds:
            await connection.execute(_THRESHOLD, str(SIMILARITY_MIN))
        arguments = [*_limits(asked), *_texts(asked.text, words)]
        skipped = asked.limit * (asked.page - 1)
        shown = max(0, min(asked.limit, SEARCH_TOTAL_MAX - skipped))
        page = _page(kinds, asked.sort, described=asked.in_description)
        skip = min(skipped, SEARCH_TOTAL_MAX)
        counts = _counts(kinds, described=asked.in_description)
        rows = await rows_of(connection, FoundToken, page, *arguments, shown, skip)
        return _found(rows, await connection.fetch(counts, *arguments))


def _kind(word: str, *, trgm: bool) -> Kind:
    if len(word) < PART_LENGTH_MIN:
        return "begins"
    return "nearly" if trgm and len(word) >= TYPO_LENGTH_MIN else "part"


def _limits(asked: TokenSearch) -> Sequence[object]:
    return (
        asked.state,
        asked.venue,
        asked.quote_mint,
        asked.creator,
        asked.market_cap_min,
        asked.market_cap_max,
        asked.volume_min,
        asked.volume_max,
        asked.created_from_s,
        asked.created_to_s,
        asked.has_website,
        asked.has_twitter,
        asked.has_telegram,
    )


def _texts(text: str, words: Sequence[str]) -> Sequence[object]:
    if not words:
        return ()
    address = text.strip()
    return (" ".join(words), address if is_address_like(address) else None, *words)


@cache
def _page(kinds: tuple[Kind, ...], sort: SearchSort, *, described: bool) -> str:
    behind = _behind(kinds)
    closeness = f"{_closeness(kinds)}," if kinds else ""
    return f"""
        select {FIELDS} from search_documents
        where {_FILTERS} {_matches(kinds, described=described)}
        order by {_SORTED_BY[sort]} {closeness} {_RANK}
        limit ${behind} offset ${behind + 1}
    """


@cache
def _counts(kinds: tuple[Kind, ...], *, described: bool) -> str:
    columns = _FACETS.values()
    return f"""
        select {", ".join(f"{column}::text" for column in columns)}, count(*) as tokens
        from search_documents where {_FILTERS} {_matches(kinds, described=described)}
        group by grouping sets ((), {", ".join(f"({column})" for column in columns)})
    """


def _behind(kinds: tuple[Kind, ...]) -> int:
    return _WORD + len(kinds) if kinds else 14


def _matches(kinds: tuple[Kind, ...], *, described: bool) -> str:
    if not kinds:
        return ""
    words = [(kind, f"${_WORD + it}::text") for it, kind in enumerate(kinds)]
    each = " and ".join(
        f"({_matches_word(kind, word)} or {_is_written(kind, word)})"
        if described
        else _matches_word(kind, word)
        for kind, word in words
    )
    return f"and {_TEXT} is not null and (({each}) or {_OF_ADDRESS})"


def _matches_word(kind: Kind, word: str) -> str:
    if kind == "begins":
        return f"words like '% ' || {word} || '%'"
    part = f"words like '%' || {word} || '%'"
    return f"({part} or {word} <% words)" if kind == "nearly" else part


def _is_written(kind: Kind, word: str) -> str:
    before = " " if kind == "begins" else ""
    return f"description_words like '%{before}' || {word} || '%'"


def _closeness(kinds: tuple[Kind, ...]) -> str:
    """The lower, the better the texts fit."""
    named = [
        f"coalesce({_matches_word(kind, f'${_WORD + it}::text')}, false)"
        for it, kind in enumerate(kinds)
    ]
    parts = [f"words like '%' || ${_WORD + it}::text || '%'" for it in range(len(kinds))]
    return f"""
        case
            when mint = {_ADDRESS} or creator = {_ADDRESS} or {_EXACT} then 0
            when {_FIELD_BEGINS} then 1
            when {_WORD_BEGINS} or {_OF_ADDRESS} then 2
            when {_HOLDS} then 3
            when {" and ".join(parts)} then 4
            when {" and ".join(named)} then {_MISSPELT if "nearly" in kinds else 5}
            else 7
        end
    """


def _found(tokens: Sequence[FoundToken], counts: Sequence[asyncpg.Record]) -> Found:
    total = 0
    facets: dict[Facet, dict[str, int]] = {facet: {} for facet in _FACETS}
    for row in counts:
        named = [facet for facet, column in _FACETS.items() if row[column] is not None]
        if named:
            (facet,) = named
            facets[facet][row[_FACETS[facet]]] = row["tokens"]
        else:  # of all, or of those without a value, who are fewer
            total = max(total, row["tokens"])
    return Found(tokens=tokens, total=min(total, SEARCH_TOTAL_MAX), facets=facets)
