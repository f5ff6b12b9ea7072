"""The search read model: what a token is found by at once, what it is ranked by in steps of time.

A trade changes a token's market cap and volume many times a second, which no index of texts can
take. So figures wait until the chain's own clock has passed the end of their interval: a token's
document holds every figure from before the last full `REFRESH_S` seconds, whoever reads the log and
in whichever batches.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import msgspec

from domain.events import (
    AnyEvent,
    CurveCompleted,
    CurveRepriced,
    PoolBurned,
    PoolCreated,
    PoolTraded,
    TokenCreated,
    TokenDescribed,
    TokenMigrated,
)
from domain.log import Recorded
from projections.batch import fills
from projections.price import Fill, spot
from projections.token_change import Created
from projections.token_description import Described, found

# ruff: noqa: PLR1730  # `max` takes twice as long here, several times for each trade

REFRESH_S = 5
"""Figures of a token are refreshed at most this often, by the times of blocks."""

WORDS_MAX = 5
"""Words of a search that count; those behind them are left out."""

_SEPARATORS = ("P", "Z", "C", "Sc", "Sk", "Sm")
"""Categories of characters that part words; emoji are none of them and can be searched for."""

_ADDRESS = re.compile("[1-9A-HJ-NP-Za-km-z]{6,44}", re.ASCII)


class Facts(msgspec.Struct):
    """What is found at once; each from the lowest position that says it."""

    created: Created | None = None
    completed_pos: int | None = None
    graduated_pos: int | None = None
    pool_pos: int | None = None
    burned: dict[int, int] = {}
    """Token units burned, by position; they lessen a supply reported before."""
    described: Described | None = None
    """The last attempt that found something."""

    def absorb(self, other: "Facts") -> None:
        """Take over all that the other says; leaves the other alone."""
        if other.created is not None and (
            self.created is None or other.created.pos < self.created.pos
        ):
            self.created = other.created
        self.completed_pos = _lower(self.completed_pos, other.completed_pos)
        self.graduated_pos = _lower(self.graduated_pos, other.graduated_pos)
        self.pool_pos = _lower(self.pool_pos, other.pool_pos)
        self.burned = self.burned | other.burned
        self.described_at(other.described)

    def described_at(self, fact: Described | None) -> None:
        """Keep the last attempt."""
        if fact is not None and (self.described is None or fact.attempt > self.described.attempt):
            self.described = fact


class Figures(msgspec.Struct):
    """What ranks a token, of some events; each group from the highest position that says it.

    `price` is quote units per token unit, None where the reserves make none. The supply is in token
    units as reported, the volume in quote units.
    """

    priced_pos: int = -1
    price: float | None = None
    supplied_pos: int = -1
    supply: int | None = None
    traded_pos: int = -1
    traded_time_s: int | None = None
    quote_mint: str | None = None
    quote_decimals: int | None = None
    trades: int = 0
    volume_quote: int = 0

    def absorb(self, other: "Figures") -> None:
        """Take over all that the other says; leaves the other alone."""
        self.priced_at(other.priced_pos, other.price)
        self.supplied_at(other.supplied_pos, other.supply)
        if other.traded_pos > self.traded_pos:
            self.traded_pos, self.traded_time_s = other.traded_pos, other.traded_time_s
            self.quote_mint = other.quote_mint
        self.decimals_are(other.quote_decimals)
        self.trades += other.trades
        self.volume_quote += other.volume_quote

    def priced_at(self, pos: int, price: float | None) -> None:
        """Keep the last."""
        if pos > self.priced_pos:
            self.priced_pos, self.price = pos, price

    def supplied_at(self, pos: int, supply: int | None) -> None:
        """Keep the last."""
        if pos > self.supplied_pos:
            self.supplied_pos, self.supply = pos, supply

    def decimals_are(self, quote: int | None) -> None:
        """Note what is known; a mint's decimals never change."""
        if quote is not None and (self.quote_decimals is None or quote > self.quote_decimals):
            self.quote_decimals = quote


Key: TypeAlias = tuple[str, int]
"""A mint, and the start of the interval of `REFRESH_S` in which something happened."""


class Changes(msgspec.Struct):
    """What to merge into documents, and how far the chain's clock has come."""

    facts: dict[str, Facts]
    figures: dict[Key, Figures]
    latest_s: int = 0
    """The newest block time; 0 where no event had one."""

    def due(self, cutoff_s: int) -> tuple[dict[str, Figures], dict[Key, Figures]]:
        """The figures of intervals before a time by mint, and those that have to wait for it."""
        now: dict[str, Figures] = {}
        later: dict[Key, Figures] = {}
        for (mint, start_s), figures in self.figures.items():
            if start_s >= cutoff_s:
                later[mint, start_s] = figures
            else:
                add(now, mint, figures)
        return now, later


class Search:
    """From events to changes of documents."""

    name: ClassVar = "search"
    version: ClassVar = 2
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says about each token.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        changes = Changes({}, {})
        latest_s = 0
        for recorded, trade in zip(batch, fills(batch), strict=True):
            event = recorded.event
            time_s: int | None = getattr(event, "block_time_s", None)
            if time_s is None:
                if isinstance(event, TokenDescribed) and event.failure is None:
                    _facts(changes, event.mint).described_at(found(event))
                continue
            if time_s > latest_s:
                latest_s = time_s
            if trade is not None:
                _trade(changes, trade, time_s)
            else:
                _fact(changes, event)
        changes.latest_s = latest_s
        return changes


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    merged = Changes({}, {}, max(first.latest_s, second.latest_s))
    for changes in (first, second):
        for mint, facts in changes.facts.items():
            _facts(merged, mint).absorb(facts)
        for (mint, start_s), figures in changes.figures.items():
            _figures(merged, mint, start_s).absorb(figures)
    return merged


def add(kept: dict[str, Figures], mint: str, figures: Figures) -> None:
    """Merge figures into those of a mint; leaves what is added alone."""
    found = kept.get(mint)
    if found is None:
        found = kept[mint] = Figures()
    found.absorb(figures)


def cutoff(latest_s: int) -> int:
    """Figures from before this time are in the documents, once the chain's clock is so far."""
    return latest_s - latest_s % REFRESH_S


def folded(text: str) -> str:
    """A text as it is compared: without case, accents and punctuation, words by single spaces."""
    marked = unicodedata.normalize("NFKD", text)
    plain = "".join(
        " " if unicodedata.category(letter).startswith(_SEPARATORS) else letter
        for letter in marked
        if not unicodedata.combining(letter)
    )
    return " ".join(plain.casefold().split())


def searched(text: str) -> Sequence[str]:
    """The words of a search that count, folded; none where it has nothing but punctuation."""
    return folded(text).split()[:WORDS_MAX]


def is_address_like(text: str) -> bool:
    """Whether a text may be a mint's or a creator's address, or enough of its beginning."""
    return _ADDRESS.fullmatch(text) is not None


def words(created: Created) -> str:
    """Name and symbol, folded, each between bars: `| pepe coin | pepe |`."""
    return f"| {folded(created.name)} | {folded(created.symbol)} |"


def described_words(described: Described) -> str | None:
    """The description, folded, between bars; None where there is none."""
    if described.description is None:
        return None
    return f"| {folded(described.description)} |"


def supply(figures: Figures, burned: Mapping[int, int]) -> int | None:
    """The last reported supply, less what was burned after that report."""
    if figures.supply is None:
        return None
    return figures.supply - sum(it for pos, it in burned.items() if pos > figures.supplied_pos)


def _trade(changes: Changes, trade: Fill, time_s: int) -> None:
    event = trade.event
    is_pool, supplied = isinstance(event, PoolTraded), None
    if isinstance(event, PoolTraded) and not trade.is_turned:
        supplied = event.base_supply
    if not trade.canonical and supplied is None:
        return
    pos = trade.pos or event.pos.order_key
    figures = _figures(changes, event.mint, time_s - time_s % REFRESH_S)
    if supplied is not None:
        figures.supplied_at(pos, supplied)
    if not trade.canonical:
        return
    if pos > figures.priced_pos:
        figures.priced_pos, figures.price = pos, trade.price
    if pos > figures.traded_pos:
        figures.traded_pos, figures.traded_time_s = pos, time_s
        figures.quote_mint = event.quote_mint
    figures.decimals_are(event.quote_decimals)
    figures.trades += 1
    figures.volume_quote += trade.quote_amount
    if is_pool:
        facts = _facts(changes, event.mint)
        facts.pool_pos = _lower(facts.pool_pos, pos)


def _fact(changes: Changes, event: AnyEvent) -> None:
    match event:
        case TokenCreated():
            _created(changes, event)
        case CurveRepriced():
            _figures_of(changes, event).priced_at(
                event.pos.order_key,
                spot(event.virtual_quote_reserves, event.virtual_token_reserves),
            )
        case CurveCompleted():
            facts = _facts(changes, event.mint)
            facts.completed_pos = _lower(facts.completed_pos, event.pos.order_key)
        case TokenMigrated():
            facts, pos = _facts(changes, event.mint), event.pos.order_key
            facts.graduated_pos = _lower(facts.graduated_pos, pos)
            facts.pool_pos = _lower(facts.pool_pos, pos)
        case PoolCreated(canonical=True):
            facts = _facts(changes, event.mint)
            facts.pool_pos = _lower(facts.pool_pos, event.pos.order_key)
            _figures_of(changes, event).decimals_are(event.quote_decimals)
        case PoolBurned():
            pos = event.pos.order_key
            _facts(changes, event.mint).burned[pos] = event.base_amount
            quote = event.pool_quote_reserves + event.virtual_quote_reserves
            _figures_of(changes, event).priced_at(pos, spot(quote, event.pool_base_reserves))
        case _:
            pass


def _created(changes: Changes, event: TokenCreated) -> None:
    pos = event.pos.order_key
    launch = Facts(
        created=Created(
            pos,
            event.block_time_s,
            event.name,
            event.symbol,
            event.uri,
            event.creator,
            event.bonding_curve,
            event.quote_mint,
            event.real_token_reserves,
        )
    )
    _facts(changes, event.mint).absorb(launch)
    figures = _figures_of(changes, event)
    figures.decimals_are(event.quote_decimals)
    if event.token_total_supply is not None:
        figures.supplied_at(pos, event.token_total_supply)
    quote, token = event.virtual_quote_reserves, event.virtual_token_reserves
    if quote is not None and token is not None:
        figures.priced_at(pos, spot(quote, token))


def _facts(changes: Changes, mint: str) -> Facts:
    facts = changes.facts.get(mint)
    if facts is None:
        facts = changes.facts[mint] = Facts()
    return facts


def _figures(changes: Changes, mint: str, start_s: int) -> Figures:
    figures = changes.figures.get((mint, start_s))
    if figures is None:
        figures = changes.figures[mint, start_s] = Figures()
    return figures


def _figures_of(
    changes: Changes, event: TokenCreated | CurveRepriced | PoolCreated | PoolBurned
) -> Figures:
    return _figures(changes, event.mint, event.block_time_s - event.block_time_s % REFRESH_S)


def _lower(first: int | None, second: int | None) -> int | None:
    if first is None or (second is not None and second < first):
        return second
    return first
