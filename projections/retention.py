"""For how long candles of short intervals are kept."""

from collections.abc import Mapping
from typing import TypeAlias

from projections.buckets import MINUTE_S
from projections.reads import INTERVALS_S

DAYS_MIN = 2
"""The same as of trades, so that nobody has to remember two."""
DAYS_MAX = 32_767
"""Some ninety years, so that no mistake is taken for a time."""
SHORT = {name: length_s for name, length_s in INTERVALS_S.items() if length_s < MINUTE_S}
"""What may be let go of: dollars, lists and the market are made of minutes and hours."""

Keeping: TypeAlias = Mapping[int, int]
"""For how many days candles are kept, by the interval's length in seconds."""


def keeping(text: str) -> Keeping:
    """What `1s=7,15s=30` says: an interval that is not named is kept as the next longer one is.

    What is longer than all of them is kept for ever. Raises `ValueError` with a sentence.
    """
    named: dict[int, int] = {}
    for part in text.split(","):
        name, _, days = (it.strip() for it in part.partition("="))
        if name not in SHORT:
            raise ValueError(
                f"the interval was {name!r}; candles of {', '.join(SHORT)} can be let go of, and "
                "longer ones are kept"
            )
        if not days.isdecimal() or not DAYS_MIN <= int(days) <= DAYS_MAX:
            raise ValueError(
                f"{name} was to be kept {days!r} days; it has to be {DAYS_MIN} or more, up to "
                f"{DAYS_MAX:,}"
            )
        if named.setdefault(SHORT[name], int(days)) != int(days):
            raise ValueError(f"{name} was given twice; give it once")
    found: dict[int, int] = {}
    kept: int | None = None
    for length_s in sorted(SHORT.values(), reverse=True):
        days_kept = named.get(length_s, kept)
        if days_kept is None:
            continue
        if kept is not None and days_kept > kept:
            raise ValueError(
                f"candles of {length_s} s were to be kept for {days_kept} days and longer ones for "
                f"{kept}; a shorter interval cannot be kept for longer"
            )
        found[length_s] = kept = days_kept
    return found
