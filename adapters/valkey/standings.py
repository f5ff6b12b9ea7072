"""How tokens stand in a window: measured from their buckets, and placed in its rankings."""

from collections.abc import Sequence

from adapters.valkey.client import Command, Valkey
from adapters.valkey.keys import GenerationKeys
from adapters.valkey.values import change, cut, encode, placed
from projections.buckets import total
from projections.cards import card
from projections.ranking import RANKINGS, Ranking, Standing, rank_values, standing
from projections.windows import Span, Window


async def measured(
    valkey: Valkey,
    keys: GenerationKeys,
    window: Window,
    span: Span,
    mints: Sequence[str],
    *,
    sol_usd: float | None,
) -> list[Standing | None]:
    """How each token stands; None for one that did not trade in the span."""
    stretches = span.stretches()
    cards, *held = await valkey.ask(
        [
            ["HMGET", keys.cards, *mints],
            *(
                (
                    "ZRANGEBYSCORE",
                    keys.buckets(each.length_s, mint),
                    str(each.from_s),
                    f"({each.to_s}",
                )
                for mint in mints
                for each in stretches
            ),
        ]
    )
    found: list[Standing | None] = []
    for mint, said, parts in zip(mints, cards, cut(held, len(stretches)), strict=True):
        buckets = [placed(member).bucket for part in parts for member in part]
        if buckets:
            row = card(mint, change(said))
            found.append(standing(row, total(buckets), window, sol_usd))
        else:
            found.append(None)
    return found


def placements(
    keys: GenerationKeys,
    window: Window,
    mints: Sequence[str],
    measured: Sequence[Standing | None],
) -> list[Command]:
    """Take the tokens off the board, and put those on it again that are still in the window."""
    commands: list[Command] = [
        ["HDEL", keys.standings(window), *mints],
        ["SREM", keys.valued(window), *mints],
        *(["ZREM", keys.ranking(window, ranking), *mints] for ranking in RANKINGS),
    ]
    rows: list[str] = []
    ranked: dict[Ranking, list[str]] = {}
    for each in measured:
        if each is not None:
            rows += (each.mint, encode(each))
            for ranking, value in rank_values(each).items():
                ranked.setdefault(ranking, []).extend((repr(-value), each.mint))
    # A quote that is worth nothing known may be worth something at the next price.
    valued = [each.mint for each in measured if each is not None and not each.for_sol]
    if valued:
        commands.append(["SADD", keys.valued(window), *valued])
    if rows:
        commands.append(["HSET", keys.standings(window), *rows])
    for ranking, pairs in ranked.items():
        commands.append(["ZADD", keys.ranking(window, ranking), *pairs])
    return commands


def rows(keys: GenerationKeys, window: Window) -> list[str]:
    """The keys that hold them."""
    return [
        keys.standings(window),
        keys.valued(window),
        *(keys.ranking(window, ranking) for ranking in RANKINGS),
    ]
