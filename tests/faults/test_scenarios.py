"""Each way in which others have lost data, by name: ours loses nothing, or says exactly what."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.embedded.nats import NatsServer
from adapters.solana_rpc.faults import RpcFault
from curvetape.campaign.running import Ended, run_plan
from curvetape.campaign.schedule import AFTER_S, QUICK, SLOTS, Disruption, Schedule
from curvetape.simulator.faults import (
    LAGGED,
    BlockMissing,
    BlocksLag,
    BlocksRefused,
    Disconnect,
    Duplicates,
    Fault,
    Forked,
    MetaFirst,
    Reordered,
    ReplayAhead,
    ReplayIgnored,
    ReplayRefused,
    Script,
    Silence,
    TransactionsLate,
)
from curvetape.simulator.forked_chain import ForkedChain
from domain.events import GapDetected, GapFilled, SlotAbandoned, SlotConfirmed, decode

STREAMS = 2
"""A connection has one stream for the truth and one for early transactions."""


def chain(**options: Any) -> ForkedChain:
    return ForkedChain(7, slots=SLOTS + len(AFTER_S), **options)


async def ended(
    nats: NatsServer,
    *endpoints: Sequence[Fault],
    missing: int | None = None,
    disruptions: Sequence[tuple[int, Any]] = (),
    rpc_faults: Sequence[RpcFault] = (),
    on: ForkedChain | None = None,
    node: bool = True,
    **options: Any,
) -> Ended:
    """A run that ended well; the slot `missing` is one that nobody has."""
    on = on or chain()
    unobtainable = [] if missing is None else [on.slots[missing]]
    script = Script(
        seed=7,
        endpoints=[
            [*faults, *(BlockMissing(slot=slot) for slot in unobtainable)] for faults in endpoints
        ],
        node=node,
        unobtainable=frozenset(unobtainable),
    )
    plan = Schedule(
        seed=7,
        script=script,
        disruptions=tuple(Disruption(at, kind) for at, kind in disruptions),
        rpc_faults=tuple(rpc_faults),
    )
    end = await run_plan(on, plan, nats, **options)
    assert end.outcome.problems == [], end.outcome.said
    return end


def kinds(end: Ended, kind: type[Any]) -> list[Any]:
    """The log's events of a kind."""
    events = (decode(each.payload) for each in end.log)
    return [event for event in events if isinstance(event, kind)]


def certified(end: Ended) -> list[int]:
    """The slots of the log's certificates, in the log's order."""
    return [event.slot for event in kinds(end, SlotConfirmed)]


def says(end: Ended, text: str) -> bool:
    return any(text in said for said in end.outcome.said)


async def test_a_from_slot_that_is_silently_ignored_is_noticed_and_made_good(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [ReplayIgnored(), Disconnect(at=8), Disconnect(at=16)])
    assert says(end, "it accepted from_slot")


async def test_a_cursor_that_somebody_else_has_advanced_skips_nothing(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [ReplayAhead(by=9, times=None), Disconnect(at=12)])
    assert says(end, "it accepted from_slot")


async def test_a_block_meta_does_not_mean_that_its_transactions_have_come(
    fresh_nats: NatsServer,
) -> None:
    late = TransactionsLate(share=0.7, steps=2)
    end = await ended(fresh_nats, [BlocksRefused(), MetaFirst(), late], node=False)
    assert {event.evidence for event in kinds(end, SlotConfirmed)} == {"meta"}


async def test_a_block_that_the_node_fails_to_give_is_not_passed_over(
    fresh_nats: NatsServer,
) -> None:
    lost = chain().slots[10]
    failing = [
        RpcFault(kind="error", method="getBlock", slot=lost, code=-32004, times=3),
        RpcFault(kind="truncated", times=1),
    ]
    end = await ended(fresh_nats, [BlockMissing(slot=lost)], rpc_faults=failing)
    assert lost in certified(end)
    assert not end.outcome.verdict or end.outcome.verdict.gaps == []
    assert says(end, str(lost))


async def test_a_gap_that_cannot_be_filled_does_not_hold_the_live_stream_back(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [], [], missing=12)
    (gap,) = kinds(end, GapDetected)
    assert gap.from_slot <= chain().slots[12] <= gap.to_slot
    assert certified(end)[-1] >= chain().slots[SLOTS - 1]


async def test_a_gap_that_can_be_filled_later_is_filled_later(fresh_nats: NatsServer) -> None:
    lost = chain().slots[12]
    busy = RpcFault(kind="status", status=503, times=4)
    end = await ended(fresh_nats, [BlockMissing(slot=lost)], rpc_faults=[busy])
    (gap,), (filled,) = kinds(end, GapDetected), kinds(end, GapFilled)
    assert (gap.from_slot, gap.to_slot) == (filled.from_slot, filled.to_slot)
    assert certified(end).index(lost) > certified(end).index(chain().slots[13])


async def test_what_happens_between_the_past_and_the_present_is_not_lost(
    fresh_nats: NatsServer,
) -> None:
    """Subscribed first, read back later: an ingest that was away for half of the chain."""
    await ended(fresh_nats, [], disruptions=[(6, "stop"), (26, "start")])


async def test_a_stream_that_falls_silent_is_noticed(fresh_nats: NatsServer) -> None:
    end = await ended(fresh_nats, [Silence(at=8, steps=8)], node=False)
    assert says(end, "no update for")
    (endpoint,) = end.stage.endpoints
    assert STREAMS < endpoint.streams_opened < 8 * STREAMS


async def test_an_endpoint_that_refuses_everything_is_not_stormed(fresh_nats: NatsServer) -> None:
    """Forty interruptions within a third of a second, and every replay refused."""
    patience = msgspec.structs.replace(QUICK, reconnect_s_min=0.05, reconnect_s_max=0.4)
    cuts = [Disconnect(at=at) for at in range(2, SLOTS)]
    end = await ended(fresh_nats, [ReplayRefused(), *cuts], [], patience=patience)
    stormed, other = end.stage.endpoints
    # With waits of 50, 100, 200, 400, 400 … ms, halved at worst.
    assert stormed.hub.replays_asked <= 5 + end.outcome.seconds / 0.2
    assert stormed.streams_opened <= STREAMS * (5 + end.outcome.seconds / 0.2)
    assert other.streams_opened <= 2 * STREAMS


async def test_a_client_that_is_cut_for_being_slow_goes_on_where_it_was(
    fresh_nats: NatsServer,
) -> None:
    cuts = [Disconnect(at=at, code="DATA_LOSS", details=LAGGED) for at in (6, 14, 22)]
    end = await ended(fresh_nats, cuts, node=False)
    assert says(end, LAGGED)


async def test_blocks_that_lag_ever_more_are_given_up_for_their_metas(
    fresh_nats: NatsServer,
) -> None:
    limits = msgspec.structs.replace(
        QUICK.limits, lag_slots_max=3, lag_growth_slots=1, lag_watch_s=0.01, observe_s=0.02
    )
    patience = msgspec.structs.replace(QUICK, limits=limits)
    lagging = [BlocksLag(at=2, every=1)]
    end = await ended(fresh_nats, lagging, node=False, patience=patience, slot_s=0.03)
    assert says(end, "slots late and later all the time")
    assert "meta" in {event.evidence for event in kinds(end, SlotConfirmed)}


async def test_a_replay_that_is_out_of_range_for_ever_leaves_the_gap_that_nobody_can_fill(
    fresh_nats: NatsServer,
) -> None:
    end = await ended(fresh_nats, [ReplayRefused(), Disconnect(at=10)], missing=12)
    assert says(end, "OUT_OF_RANGE")
    assert end.outcome.verdict is not None
    assert [first for first, _ in end.outcome.verdict.gaps] == [chain().slots[12]]


async def test_of_three_endpoints_one_may_be_on_a_fork_one_repeat_and_one_reorder(
    fresh_nats: NatsServer,
) -> None:
    on = chain()
    end = await ended(
        fresh_nats, [Forked(at=5, steps=20)], [Duplicates()], [Reordered()], node=False, on=on
    )
    assert certified(end) == sorted(set(certified(end)))
    assert on.dead_ids, "there were forks to be taken in by"
    assert kinds(end, SlotAbandoned), "and what was appended of them was taken back"


async def test_an_instruction_that_nobody_knows_is_counted_and_kept(
    fresh_nats: NatsServer,
) -> None:
    on = chain(unknown_share=0.2)
    end = await ended(fresh_nats, [], on=on)
    unknown = sum(event.unknown for event in kinds(end, SlotConfirmed))
    assert unknown == sum(on.ledger[slot].unknown for slot in certified(end)) > 5
    letters = [msgspec.json.decode(letter.payload) for letter in end.letters]
    assert {letter["reason"] for letter in letters} == {"unknown_event"}
    assert len(letters) >= unknown
    assert all(letter["transaction"] for letter in letters), "so that it can be tried again"
