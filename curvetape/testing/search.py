"""The search read model in memory: what the real ones promise, without a server."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import get_args

from domain.log import Recorded
from projections.dollars import SOL_MINTS
from projections.reads import (
    SEARCH_TOTAL_MAX,
    Facet,
    Found,
    FoundToken,
    TokenSearch,
)
from projections.search import (
    Changes,
    Facts,
    Figures,
    Search,
    cutoff,
    described_words,
    is_address_like,
    merge,
    searched,
    supply,
    words,
)

UNKNOWN = float("-inf")
TYPO_LENGTH_MIN = 5
PART_LENGTH_MIN = 3


class MemorySearch:
    """Fits `projections.reads.SearchReads`; filled with events by way of the product's own core."""

    def __init__(self, recorded: Sequence[Recorded] = ()) -> None:
        self._changes = Changes({}, {})
        self.apply(recorded)

    def apply(self, recorded: Sequence[Recorded]) -> None:
        """Take in events, each once, in any order."""
        self._changes = merge(self._changes, Search().apply(recorded))

    def documents(self) -> dict[str, FoundToken]:
        """All that can be found, by mint."""
        figures, _ = self._changes.due(cutoff(self._changes.latest_s))
        mints = self._changes.facts.keys() | figures.keys()
        made = (
            _document(mint, self._changes.facts.get(mint, Facts()), figures.get(mint, Figures()))
            for mint in mints
        )
        return {each.mint: each for each in made if each is not None}

    async def search(self, asked: TokenSearch) -> Found:
        """A page of what is found, best first."""
        ranked = sorted(
            (*_wanted(each, asked), closeness, *_rank(each), each.mint, each)
            for each in self.documents().values()
            if _passes(each, asked) and (closeness := self._closeness(each, asked)) is not None
        )
        found = [it[-1] for it in ranked]
        assert all(isinstance(each, FoundToken) for each in found)
        tokens: list[FoundToken] = found  # type: ignore[assignment]  # asserted just above
        start = asked.limit * (asked.page - 1)
        return Found(
            tokens=tokens[start : start + asked.limit][: max(0, SEARCH_TOTAL_MAX - start)],
            total=min(len(tokens), SEARCH_TOTAL_MAX),
            facets={name: _facet(tokens, name) for name in get_args(Facet)},
        )

    def _closeness(self, of: FoundToken, wanted: TokenSearch) -> int | None:
        """The lower, the better the texts fit; None where they do not."""
        text = wanted.text
        asked = " ".join(searched(text))
        if not asked:
            return None if text.strip() else 0
        created = self._changes.facts.get(of.mint, Facts()).created
        said = "" if created is None else words(created)
        address = text.strip()
        if address in {of.mint, of.creator} or f"| {asked} |" in said:
            return 0
        if f"| {asked}" in said:
            return 1
        begins = is_address_like(address) and any(
            each is not None and each.startswith(address) for each in (of.mint, of.creator)
        )
        if begins or f" {asked}" in said:
            return 2
        if len(asked) >= PART_LENGTH_MIN and asked in said:
            return 3
        return self._farther(of, wanted, said)

    def _farther(self, of: FoundToken, wanted: TokenSearch, said: str) -> int | None:
        asked = searched(wanted.text)
        if all(_is_there(word, said) for word in asked):
            return 4
        described = self._changes.facts.get(of.mint, Facts()).described
        text = "" if described is None else described_words(described) or ""
        found = all(_is_there(word, said) or _is_written(word, text) for word in asked)
        return 5 if wanted.in_description and found else None


def _document(mint: str, facts: Facts, figures: Figures) -> FoundToken | None:
    created = facts.created
    known = (created, facts.completed_pos, facts.pool_pos)
    if figures.priced_pos < 0 and all(each is None for each in known):
        return None
    supplied = supply(figures, facts.burned)
    graduated = facts.pool_pos is not None or facts.graduated_pos is not None
    quote_mint = figures.quote_mint or (created.quote_mint if created else None)
    described = facts.described
    return FoundToken(
        description=described.description if described else None,
        has_website=described.website is not None if described else None,
        has_twitter=described.twitter is not None if described else None,
        has_telegram=described.telegram is not None if described else None,
        mint=mint,
        name=created.name if created else None,
        symbol=created.symbol if created else None,
        creator=created.creator if created else None,
        state="graduated" if graduated else "completed" if facts.completed_pos else "curve",
        venue="curve" if facts.pool_pos is None else "pool",
        quote_mint=quote_mint,
        quote_decimals=figures.quote_decimals,
        market_cap=None
        if figures.price is None or supplied is None
        else figures.price * float(supplied),
        volume_quote=figures.volume_quote,
        trades=figures.trades,
        created_time_s=created.time_s if created else None,
        last_trade_time_s=figures.traded_time_s,
    )


def _sol(of: FoundToken, value: float | None) -> float:
    return UNKNOWN if value is None or of.quote_mint not in SOL_MINTS else value


def _known(value: float | None) -> float:
    return UNKNOWN if value is None else value


def _rank(of: FoundToken) -> tuple[float, float, float]:
    return (
        -_sol(of, of.market_cap),
        -_sol(of, of.volume_quote),
        -_known(of.created_time_s),
    )


def _wanted(of: FoundToken, asked: TokenSearch) -> tuple[float, ...]:
    match asked.sort:
        case "market_cap":
            return (-_sol(of, of.market_cap),)
        case "volume":
            return (-_sol(of, of.volume_quote),)
        case "created":
            return (-_known(of.created_time_s),)
        case "last_trade":
            return (-_known(of.last_trade_time_s),)
        case _:
            return ()


def _passes(of: FoundToken, asked: TokenSearch) -> bool:
    same = (
        (asked.state, of.state),
        (asked.venue, of.venue),
        (asked.quote_mint, of.quote_mint),
        (asked.creator, of.creator),
        (asked.has_website, of.has_website),
        (asked.has_twitter, of.has_twitter),
        (asked.has_telegram, of.has_telegram),
    )
    cap, volume = _sol(of, of.market_cap), _sol(of, of.volume_quote)
    launch = of.created_time_s
    return (
        all(wanted is None or wanted == value for wanted, value in same)
        and _within(cap, asked.market_cap_min, asked.market_cap_max)
        and _within(volume, asked.volume_min, asked.volume_max)
        and (asked.created_from_s is None or _known(launch) >= asked.created_from_s)
        and (asked.created_to_s is None or (launch is not None and launch < asked.created_to_s))
    )


def _within(value: float, lowest: float | None, highest: float | None) -> bool:
    if lowest is None and highest is None:
        return True
    return value != UNKNOWN and (lowest or 0) <= value and (highest is None or value <= highest)


def _facet(found: Sequence[FoundToken], name: Facet) -> dict[str, int]:
    values = (getattr(each, name) for each in found)
    texts = (str(value).lower() if isinstance(value, bool) else value for value in values)
    return dict(Counter(text for text in texts if text is not None))


def _is_there(word: str, said: str) -> bool:
    if len(word) < PART_LENGTH_MIN:
        return f" {word}" in said
    if word in said:
        return True
    return len(word) >= TYPO_LENGTH_MIN and any(word in _misspelt(it) for it in said.split())


def _is_written(word: str, text: str) -> bool:
    return (word if len(word) >= PART_LENGTH_MIN else f" {word}") in text


def _misspelt(word: str) -> Iterator[str]:
    """The word with two neighbours exchanged or one letter left out, or all that is one off."""
    letters = sorted(set(word) | set("abcdefghijklmnopqrstuvwxyz0123456789"))
    for at in range(len(word) + 1):
        yield word[:at] + word[at + 1 :]
        for letter in letters:
            yield word[:at] + letter + word[at:]
            yield word[:at] + letter + word[at + 1 :]
    for (first, one), (second, other) in pairwise(enumerate(word)):
        yield word[:first] + other + one + word[second + 1 :]
