"""A script of faults from a seed: as bad as can be, as long as the truth can still be known.

What makes it knowable: an endpoint lies only where two honest ones outvote it, and these have
nothing then that would keep them from voting; whatever may lose a block for good comes only where
the JSON-RPC node has it, but for the slots that the script calls unobtainable.
"""

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import TypeAlias

from curvetape.simulator.faults import (
    LAGGED,
    BlockIncomplete,
    BlockMissing,
    BlocksLag,
    BlocksOutOfOrder,
    BlocksRefused,
    Code,
    Disconnect,
    Down,
    Duplicates,
    Fault,
    Forked,
    Malformed,
    MetaFirst,
    OtherNetwork,
    Reordered,
    ReplayAhead,
    ReplayIgnored,
    ReplayRefused,
    Script,
    Silence,
    Slow,
    TransactionsLate,
    TransactionsMissing,
)
from curvetape.simulator.state import chance

ENDPOINTS_MAX = 3
FAULTS_MAX = 4
"""Faults of one endpoint, beside those that concern all."""
UNOBTAINABLE_MAX = 2
EDGE_SLOTS = 4
"""So many slots at both ends of the chain are not made unobtainable: a gap needs a slot behind."""
LAG_MAX = 16
"""A block that lags more would come after the chain's end, to whoever is connected then."""

_NODE_SHARE = 0.75
_UNOBTAINABLE_SHARE = 0.25
_LIAR_SHARE = 0.5
_STEPS_MAX = 15

_Draw: TypeAlias = Callable[[Random, Sequence[int]], Fault]


def random_script(
    seed: int,
    slots: Sequence[int],
    *,
    endpoints: int | None = None,
    without: Collection[type[Fault]] = (),
) -> Script:
    """Faults for a chain with these slots; the same arguments give the same script.

    `endpoints` is from 1 to `ENDPOINTS_MAX`, drawn if None. Faults of the kinds `without` do not
    occur.
    """
    random = chance(seed)
    count = random.randint(1, ENDPOINTS_MAX) if endpoints is None else endpoints
    assert 1 <= count <= ENDPOINTS_MAX, "a script is for one to three endpoints"
    node = random.random() < _NODE_SHARE
    lies = count == ENDPOINTS_MAX and random.random() < _LIAR_SHARE
    liar = random.randrange(count) if lies else None
    drawn: list[list[Fault]] = []
    for place in range(count):
        if place == liar:
            drawn.append([random.choice(_LIES)(random, slots)])
            continue
        kinds = [*_HARMLESS]
        if liar is None:
            kinds += _INTERRUPTING
            if node:
                kinds += _LOSING
        chosen = random.sample(kinds, random.randint(0, FAULTS_MAX))
        drawn.append([draw(random, slots) for draw in chosen])
    unobtainable: list[int] = []
    if node and BlockMissing not in without and random.random() < _UNOBTAINABLE_SHARE:
        inner = slots[EDGE_SLOTS:-EDGE_SLOTS]
        unobtainable = random.sample(inner, min(len(inner), random.randint(1, UNOBTAINABLE_MAX)))
        for faults in drawn:
            faults += [BlockMissing(slot=slot) for slot in unobtainable]
    return Script(
        seed=seed,
        endpoints=tuple(
            tuple(fault for fault in faults if not isinstance(fault, tuple(without)))
            for faults in drawn
        ),
        node=node,
        unobtainable=frozenset(unobtainable),
    )


def _moment(random: Random, slots: Sequence[int]) -> int:
    return random.randint(2, max(2, len(slots) * 3 // 4))


def _steps(random: Random) -> int:
    return random.randint(3, _STEPS_MAX)


def _disconnect(random: Random, slots: Sequence[int]) -> Fault:
    code: Code = random.choice(("UNAVAILABLE", "INTERNAL", "DATA_LOSS"))
    return Disconnect(at=_moment(random, slots), code=code, details=LAGGED)


_HARMLESS: Sequence[_Draw] = (
    lambda random, _: Duplicates(share=random.choice((0.1, 1.0))),
    lambda _random, _slots: Reordered(),
    lambda random, _: TransactionsMissing(share=random.choice((0.05, 0.3, 1.0))),
    lambda random, _: BlocksOutOfOrder(by=random.randint(1, 3)),
    lambda random, _: TransactionsLate(share=random.random(), steps=random.randint(1, 2)),
    lambda _random, _slots: MetaFirst(),
)
"""What loses no block and holds none back for long."""

_INTERRUPTING: Sequence[_Draw] = (
    _disconnect,
    _disconnect,
    lambda random, slots: Down(at=_moment(random, slots), steps=_steps(random)),
    lambda random, slots: Silence(at=_moment(random, slots), steps=_steps(random)),
    lambda random, slots: Malformed(at=_moment(random, slots), times=1),
    lambda random, slots: Slow(at=_moment(random, slots), steps=_steps(random), delay_s=0.003),
    lambda _random, _slots: BlocksRefused(),
)
"""What a replay makes good."""

_LOSING: Sequence[_Draw] = (
    lambda random, slots: BlockMissing(slot=random.choice(slots), times=random.choice((1, None))),
    lambda random, _: ReplayIgnored(times=random.choice((1, 2, None))),
    lambda random, _: ReplayRefused(times=random.choice((1, 4, None))),
    lambda random, _: ReplayAhead(by=random.randint(1, 20), times=random.choice((1, 2))),
    lambda random, slots: BlocksLag(
        at=_moment(random, slots), every=random.randint(1, 3), lag_max=LAG_MAX
    ),
)
"""What is made good by another source only."""

_LIES: Sequence[_Draw] = (
    lambda random, slots: Forked(at=_moment(random, slots), steps=_steps(random)),
    lambda random, slots: BlockIncomplete(slot=random.choice(slots)),
    lambda random, _: OtherNetwork(seed=random.randint(1_000, 2_000)),
)
