"""What one run of the campaign is: a chain, faults of its sources, disruptions, from one seed."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Literal, TypeAlias

import msgspec

from adapters.solana_rpc.faults import RpcFault
from adapters.yellowstone.limits import Limits
from curvetape.ingesting import Patience
from curvetape.simulator.faults import Script
from curvetape.simulator.forked_chain import ForkedChain, Step
from curvetape.simulator.random_faults import random_script
from curvetape.simulator.state import chance

SLOTS = 32
SLOT_S = 0.008
AFTER_S = (*[0.01] * 4, *[0.03] * 2, *[0.1] * 3, *[0.3] * 3, *[1.0] * 2, *[4.0] * 5)
"""No chain ends: after each of these waits a further block comes, until the log is complete."""
CHAIN_SEEDS = 4
"""So many seeds in a row share a chain, which takes longer to make than all the rest."""
CRASHES_MAX = 2
LOG_SHARE = 0.15
"""Schedules in which the log's server is killed."""
NODE_FAULTS_SHARE = 0.5
UNKNOWN_SHARE = 0.2
"""Schedules with transactions that nobody can decode."""
KILLED_EVERY = 10
"""Of so many seeds one has an ingest that is a process, and crashes by `kill -9`."""
EDGE_STEPS = 3
"""So many steps at both ends of the chain nothing is disrupted."""
QUICK = Patience(
    hole_wait_s=0.15,
    agree_wait_s=0.15,
    draw_wait_s=0.5,
    silent_s=1.5,
    first_wait_s=9.0,
    reconnect_s_min=0.01,
    reconnect_s_max=0.1,
    limits=Limits(silence_s_max=0.25, settle_slots=3, settle_s=0.4, observe_s=0.1, lag_watch_s=0.2),
)
"""A chain whose slots take milliseconds is waited for accordingly."""

Kind: TypeAlias = Literal["crash", "log", "stop", "start"]
"""`crash`: ingest ends in the middle of what it does and is started again; `log`: the NATS server
is killed and started again; `stop` and `start` are the two halves of a crash."""


class Disruption(msgspec.Struct, frozen=True):
    """What happens to ingest or its log when so many of the chain's steps are out."""

    at: int
    kind: Kind


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn from a seed."""

    seed: int
    script: Script
    disruptions: tuple[Disruption, ...] = ()
    rpc_faults: tuple[RpcFault, ...] = ()
    unknown_share: float = 0.0
    """Of the chain's transactions, those with an event that no layout is known for."""
    is_killed: bool = False
    """Whether ingest is a process of its own, and its crashes are the kernel's."""


def chain_of(seed: int) -> ForkedChain:
    """The chain of a schedule."""
    return _chain(seed // CHAIN_SEEDS)


@lru_cache(maxsize=2)
def _chain(seed: int) -> ForkedChain:
    return ForkedChain(seed, slots=SLOTS + len(AFTER_S), unknown_share=_unknown_share(seed))


def in_play(chain: ForkedChain) -> Sequence[Step]:
    """The chain's steps in which things happen; those behind them are for coming to an end."""
    last = chain.slots[SLOTS - 1]
    place = next(
        place for place, step in enumerate(chain.steps) if step.block.slot == last and not step.dead
    )
    return chain.steps[: place + 1]


def schedule(seed: int, chain: ForkedChain) -> Schedule:
    """The same seed draws the same schedule."""
    random = chance(seed ^ 0x5EED)
    slots = chain.slots[:SLOTS]
    script = random_script(seed, slots)
    moments = range(EDGE_STEPS, len(in_play(chain)) - EDGE_STEPS)
    is_killed = seed % KILLED_EVERY == 0
    crashes = random.choice((1, CRASHES_MAX) if is_killed else (0, 0, 1, CRASHES_MAX))
    disruptions = [Disruption(random.choice(moments), "crash") for _ in range(crashes)]
    if random.random() < LOG_SHARE:
        disruptions.append(Disruption(random.choice(moments), "log"))
    return Schedule(
        seed=seed,
        script=script,
        disruptions=tuple(sorted(disruptions, key=lambda each: each.at)),
        rpc_faults=tuple(_rpc_faults(random, slots)) if script.node else (),
        unknown_share=_unknown_share(seed // CHAIN_SEEDS),
        is_killed=is_killed,
    )


def _unknown_share(seed: int) -> float:
    random = chance(seed ^ 0xDEAD)
    return random.uniform(0.005, 0.05) if random.random() < UNKNOWN_SHARE else 0.0


def _rpc_faults(random: Random, slots: Sequence[int]) -> list[RpcFault]:
    """What the node does wrong, few times: it is asked again after waits that double."""
    if random.random() >= NODE_FAULTS_SHARE:
        return []
    faults = (
        RpcFault(kind="error", code=-32603, times=1),
        RpcFault(kind="error", method="getBlock", code=-32004, message="not available", times=2),
        RpcFault(kind="error", method="getBlock", code=-32007, message="was skipped", times=1),
        RpcFault(kind="status", status=429, retry_after_s=0.1, times=2),
        RpcFault(kind="status", status=503, times=1),
        RpcFault(kind="html", times=1),
        RpcFault(kind="truncated", times=1),
        RpcFault(kind="broken", times=1),
        RpcFault(kind="slow", wait_s=0.1, times=3),
        RpcFault(kind="unlisted", slot=random.choice(slots), times=1),
    )
    return random.sample(faults, random.randint(1, 3))
