"""Forks as a server shows them: seen at `processed`, said to be dead, never settled."""

from collections.abc import Sequence

import pytest

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.retained import RetainedSlot
from adapters.yellowstone.selection import selection
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.simulator.rpc_chain import ConfirmedBlocks
from curvetape.testing.yellowstone import (
    GENESIS_SLOT,
    block,
    dead_block,
    everything,
    read_updates,
    serving,
    subscribed,
    trades,
)
from domain.programs import PUMP_AMM

ALL_KEPT = Retention(slots_max=None, bytes_max=None)


def told(updates: Sequence[pb.SubscribeUpdate]) -> list[tuple[int, str]]:
    """Slot and kind of each update, statuses by their names."""
    found = []
    for update in updates:
        kind = update.WhichOneof("update_oneof")
        assert kind is not None
        what = getattr(update, kind)
        name = pb.SlotStatus.Name(what.status) if kind == "slot" else kind
        found.append((what.slot, name.removeprefix("SLOT_").lower()))
    return found


async def test_a_dead_block_is_processed_at_once_and_dead_before_the_next_block() -> None:
    hub = Hub(confirmed_after_slots=1, finalized_after_slots=1)
    hub.publish(trades(GENESIS_SLOT))
    async with (
        serving(hub) as server,
        subscribed(server, everything("PROCESSED", from_slot=GENESIS_SLOT + 1)) as call,
    ):
        hub.publish_dead(dead_block(GENESIS_SLOT + 1, 2))
        first = await read_updates(call, 8)
        hub.publish(trades(GENESIS_SLOT + 2))
        then = await read_updates(call, 1)
    dead = GENESIS_SLOT + 1
    assert told(first) == [
        (dead, "first_shred_received"),
        (dead, "created_bank"),
        (dead, "transaction"),
        (dead, "transaction"),
        (dead, "block"),
        (dead, "block_meta"),
        (dead, "completed"),
        (dead, "processed"),
    ]
    assert told(then) == [(dead, "dead")]
    assert then[0].slot.dead_error
    assert then[0].slot.parent == GENESIS_SLOT


@pytest.mark.parametrize("commitment", ["CONFIRMED", "FINALIZED"])
async def test_a_dead_block_is_never_settled(commitment: str) -> None:
    hub = Hub(confirmed_after_slots=1, finalized_after_slots=2)
    asked = everything(commitment, from_slot=GENESIS_SLOT)
    asked.slots.clear()
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 8):
        if slot % 3 == 0:
            hub.publish_dead(dead_block(slot, 2, parent=slot - 1))
        else:
            hub.publish(trades(slot))
    hub.settle()
    living = [slot for slot in range(GENESIS_SLOT, GENESIS_SLOT + 8) if slot % 3]
    async with serving(hub) as server, subscribed(server, asked) as call:
        updates = await read_updates(call, 3 * len(living))
    assert [update.block.slot for update in updates if update.HasField("block")] == living
    assert {slot for slot, _ in told(updates)} == set(living)


async def test_a_leaders_second_block_of_a_slot_lives_after_the_first_died() -> None:
    hub = Hub(confirmed_after_slots=1, finalized_after_slots=1)
    hub.publish(trades(GENESIS_SLOT))
    first, second = dead_block(GENESIS_SLOT + 1, 1), trades(GENESIS_SLOT + 1, 3)
    hub.publish_dead(first)
    hub.publish(second)
    hub.settle()
    asked = everything("PROCESSED", from_slot=GENESIS_SLOT + 1)
    async with (
        serving(hub) as server,
        subscribed(server, everything("PROCESSED", from_slot=GENESIS_SLOT)) as call,
        subscribed(server, asked) as later,
    ):
        updates = await read_updates(call, 28)
        first_later = await read_updates(later, 1)
    hashes = [update.block.blockhash for update in updates if update.HasField("block")]
    assert hashes[1:] == [first.blockhash, second.blockhash]
    statuses = [each for each in told(updates) if each[0] == GENESIS_SLOT + 1]
    assert statuses.index((GENESIS_SLOT + 1, "dead")) < statuses.index(
        (GENESIS_SLOT + 1, "first_shred_received"), 1
    )
    assert statuses[-1] == (GENESIS_SLOT + 1, "finalized")
    assert told(first_later) == statuses[:1]


async def test_a_stream_at_the_head_sees_forks_that_come_and_none_that_were() -> None:
    hub = Hub()
    hub.publish(trades(GENESIS_SLOT))
    hub.publish_dead(dead_block(GENESIS_SLOT + 1, 1))
    asked = everything("PROCESSED")
    asked.slots.clear()
    ping = pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1))
    async with serving(hub) as server, subscribed(server, asked, ping) as call:
        await read_updates(call, 1)
        hub.publish_dead(dead_block(GENESIS_SLOT + 2, 1, parent=GENESIS_SLOT))
        hub.publish(trades(GENESIS_SLOT + 3))
        updates = await read_updates(call, 6)
    slots = [update.block.slot for update in updates if update.HasField("block")]
    assert slots == [GENESIS_SLOT + 2, GENESIS_SLOT + 3]


async def test_a_dead_branch_is_kept_and_dropped_with_the_slot_that_it_left() -> None:
    hub = Hub(
        confirmed_after_slots=1,
        finalized_after_slots=2,
        retention=Retention(slots_max=5, bytes_max=None),
    )
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 60, 3):
        hub.publish(trades(slot))
        hub.publish_dead(dead_block(slot + 1, 1, parent=slot))
        hub.publish_dead(dead_block(slot + 2, 1, parent=slot + 1))
    assert hub.first_available == GENESIS_SLOT + 45
    asked = everything("PROCESSED", from_slot=GENESIS_SLOT + 45)
    asked.slots.clear()
    async with serving(hub) as server, subscribed(server, asked) as call:
        updates = await read_updates(call, 45)
    assert {update.block.slot for update in updates if update.HasField("block")} == set(
        range(GENESIS_SLOT + 45, GENESIS_SLOT + 60)
    )
    assert hub.transactions == 20


def test_one_filters_block_is_encoded_once_for_all_who_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted on the real method, since the bytes are the same either way."""
    encoded: list[int] = []
    original = RetainedSlot._encoded_block

    def counting(slot: RetainedSlot, asked: object) -> bytes:
        encoded.append(slot.slot)
        return original(slot, asked)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(RetainedSlot, "_encoded_block", counting)
    hub = Hub(retention=ALL_KEPT)
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 6):
        hub.publish(trades(slot, 3))
    one, other = everything("CONFIRMED"), everything("CONFIRMED")
    other.blocks["blocks"].account_include[:] = [PUMP_AMM]
    for request in (one, one, other, one, other):
        for step in range(hub.steps):
            list(hub.content(step, selection(request)))
    assert sorted(encoded) == sorted(2 * list(range(GENESIS_SLOT, GENESIS_SLOT + 4)))


def test_a_hub_gives_back_the_living_blocks_as_they_were_published() -> None:
    hub = Hub(confirmed_after_slots=2, finalized_after_slots=4, retention=ALL_KEPT)
    sent = [block(GENESIS_SLOT), *(trades(slot, 2) for slot in range(GENESIS_SLOT + 1, 1_020, 2))]
    for each in sent:
        hub.publish(each)
        hub.publish_dead(dead_block(each.slot + 1, 1, parent=each.slot))
    assert [hub.block(each.slot) for each in sent] == sent
    assert hub.block(GENESIS_SLOT + 2) is None
    assert hub.block(1_000_000) is None
    slots = [each.slot for each in sent]
    assert hub.slots(pb.PROCESSED) == slots
    assert hub.slots(pb.CONFIRMED) == slots[:-2]
    assert hub.slots(pb.FINALIZED) == slots[:-4]
    hub.settle()
    assert hub.slots(pb.FINALIZED) == slots


def test_a_node_has_the_confirmed_blocks_but_those_that_it_lost() -> None:
    hub = Hub(confirmed_after_slots=2, finalized_after_slots=4, retention=ALL_KEPT)
    node = ConfirmedBlocks(hub, missing={GENESIS_SLOT + 2})
    assert (node.newest(), node.first_available()) == (None, None)
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 6):
        hub.publish(trades(slot))
    assert node.newest() == GENESIS_SLOT + 3
    assert node.first_available() == GENESIS_SLOT
    assert node.slots(GENESIS_SLOT + 1, GENESIS_SLOT + 9) == [
        GENESIS_SLOT + 1,
        GENESIS_SLOT + 2,
        GENESIS_SLOT + 3,
    ]
    assert node.block(GENESIS_SLOT + 1) == trades(GENESIS_SLOT + 1)
    assert node.block(GENESIS_SLOT + 2) is None
    assert node.block(GENESIS_SLOT + 4) is None


def test_a_transaction_lands_on_two_forks_under_one_signature() -> None:
    """What ingest has to tell apart, as bare updates."""
    hub = Hub(retention=ALL_KEPT)
    hub.publish(block(GENESIS_SLOT))
    dead = dead_block(GENESIS_SLOT + 1, 2)
    landed = trades(GENESIS_SLOT + 2, 1)
    landed.transactions[0].signature = dead.transactions[1].signature
    hub.publish_dead(dead)
    hub.publish(landed)
    asked = selection(everything("PROCESSED", from_slot=GENESIS_SLOT))
    sent, place = [], hub.begin(asked, GENESIS_SLOT)
    while (here := hub.after(place)) is not None:
        sent += [pb.SubscribeUpdate.FromString(update) for update in hub.updates(here, asked)]
        place = here._replace(part=here.part + 1)
    places = [
        (update.transaction.slot, update.transaction.transaction.index)
        for update in sent
        if update.transaction.transaction.signature == dead.transactions[1].signature
    ]
    assert places == [(GENESIS_SLOT + 1, 1), (GENESIS_SLOT + 2, 0)]
