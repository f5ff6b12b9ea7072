"""Where a market's reserves do not continue, and what that can mean."""

from typing import Literal, TypeAlias

import msgspec

from projections.audit.segments import Chain, Crack, Stray
from projections.audit.spans import Spans
from projections.audit.steps import CURVE_RESERVES, POOL_RESERVES

Cause: TypeAlias = Literal["missing", "extra", "gap", "surplus", "repriced"]
"""What a break says:

- `missing`: at least one event of the market is not in the log;
- `extra`: an event stands among others that connect without it;
- `gap`: as `missing`, where the log itself says that slots are not proven;
- `surplus`: one vault of a pool only grew, as by a transfer from outside: not ours to judge;
- `repriced`: only virtual reserves changed, which no trade does: not ours to judge.
"""
PROVEN_WRONG: frozenset[Cause] = frozenset({"missing", "extra"})
NOT_JUDGED: frozenset[Cause] = frozenset({"surplus", "repriced"})


class Place(msgspec.Struct, frozen=True, gc=False):
    """An event beside a break."""

    slot: int
    tx: int
    signature: str
    id: str


class Break(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Two events of one market, side by side in the log, that do not connect."""

    cause: Cause
    mint: str
    pool: str | None = None
    """None for a bonding curve."""
    after: Place | None = None
    """The last event before the break that says what it found; None for an `extra` one."""
    before: Place
    """The first event behind it, or the `extra` one."""
    expected: dict[str, int] = {}
    """Reserves as the events before the break left them."""
    found: dict[str, int] = {}
    """Reserves as the first event behind it found them."""
    moved: dict[str, int] = {}
    """The difference: what the missing events did together."""


def judged(chain: Chain, crack: Crack, gaps: Spans) -> Break:
    """The crack in words; `gaps` are the slots that the log says are not proven."""
    left, right = crack.left, crack.right
    names = CURVE_RESERVES if chain.pool is None else POOL_RESERVES
    expected: dict[str, int] = {}
    found: dict[str, int] = {}
    for name, was, now in zip(names, crack.expected, right.before, strict=True):
        if was is not None and now is not None:
            expected[name], found[name] = was, now
    moved = {name: found[name] - was for name, was in expected.items() if found[name] != was}
    in_gap = gaps.overlap(left.last.slot, right.first.slot)
    return Break(
        cause="gap" if in_gap else _cause(moved, of_pool=chain.pool is not None),
        mint=chain.mint,
        pool=chain.pool,
        after=Place(left.last.slot, left.last.tx, left.last_id.partition(":")[0], left.last_id),
        before=Place(
            right.first.slot, right.first.tx, right.first_id.partition(":")[0], right.first_id
        ),
        expected=expected,
        found=found,
        moved=moved,
    )


def extra(chain: Chain, stray: Stray) -> Break:
    """The event that others connect without."""
    place = Place(stray.pos.slot, stray.pos.tx, stray.id.partition(":")[0], stray.id)
    return Break(cause="extra", mint=chain.mint, pool=chain.pool, before=place)


def _cause(moved: dict[str, int], *, of_pool: bool) -> Cause:
    if moved and all(name.startswith("virtual_") for name in moved):
        return "repriced"
    if of_pool and len(moved) == 1 and all(amount > 0 for amount in moved.values()):
        return "surplus"
    return "missing"
