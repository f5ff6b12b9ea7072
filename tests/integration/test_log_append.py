"""The appender on a real server: order, identity, limits, and what it says of each."""

import asyncio

import msgspec
import pytest

from adapters.jetstream.batch import BATCH_ENTRIES_MAX
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries, entry
from domain.events import CurveTraded
from domain.log import Appended, Entry, EntryRefusedError, OutpacedError


def trades(count: int, *, first: int = 1) -> list[CurveTraded]:
    return [curve_traded(number, f"mint{number % 7}") for number in range(first, first + count)]


@pytest.mark.parametrize("count", [1, 2, BATCH_ENTRIES_MAX, BATCH_ENTRIES_MAX + 1, 2_500])
async def test_what_is_appended_is_read_back_in_order(live_log: LiveLog, count: int) -> None:
    events = trades(count)
    appended = await live_log.appender.append(entries(events))
    assert (appended.last_sequence, appended.written, appended.duplicates) == (count, count, 0)
    assert appended.sequences == tuple(range(1, count + 1))
    recorded = await live_log.all()
    assert [it.event for it in recorded] == events
    assert [it.sequence for it in recorded] == list(range(1, count + 1))


async def test_appending_nothing_says_where_the_log_ends(live_log: LiveLog) -> None:
    assert await live_log.appender.append([]) == Appended(last_sequence=0, written=0, duplicates=0)
    await live_log.appender.append(entries(trades(3)))
    assert await live_log.appender.append([]) == Appended(last_sequence=3, written=0, duplicates=0)


async def test_a_batch_appended_twice_is_held_once(live_log: LiveLog) -> None:
    events = trades(300)
    await live_log.appender.append(entries(events))
    again = await live_log.appender.append(entries(events))
    assert (again.last_sequence, again.written, again.duplicates) == (300, 0, 300)
    assert again.sequences == tuple(range(1, 301))
    assert again.held == {}
    assert [it.event for it in await live_log.all()] == events


async def test_a_batch_goes_on_without_what_the_log_holds_of_it(live_log: LiveLog) -> None:
    events = trades(1_000)
    known = [event for number, event in enumerate(events) if number % 97 == 0]
    await live_log.appender.append(entries(known))
    appended = await live_log.appender.append(entries(events))
    assert appended.written == len(events) - len(known)
    assert appended.duplicates == len(known)
    assert appended.last_sequence == len(events)
    recorded = await live_log.all()
    places = {it.event.id: it.sequence for it in recorded}
    assert appended.sequences == tuple(places[event.id] for event in events)
    fresh = [event for event in events if event not in known]
    assert [it.event for it in recorded] == known + fresh


async def test_the_same_event_received_at_another_time_is_a_duplicate(live_log: LiveLog) -> None:
    event = trades(1)[0]
    later = msgspec.structs.replace(event, received_at_ns=event.received_at_ns + 1)
    await live_log.appender.append([entry(event)])
    appended = await live_log.appender.append(entries([later, *trades(1, first=2)]))
    assert (appended.written, appended.duplicates, appended.conflicting) == (1, 1, ())
    assert appended.held == {event.id: entry(event).payload}
    assert (await live_log.all())[0].event == event


async def test_an_id_with_another_content_is_named_and_not_written(live_log: LiveLog) -> None:
    event = trades(1)[0]
    other = msgspec.structs.replace(event, token_amount=event.token_amount + 1)
    await live_log.appender.append([entry(event)])
    appended = await live_log.appender.append(entries([other, *trades(1, first=2)]))
    assert (appended.written, appended.duplicates) == (1, 0)
    assert appended.conflicting == (event.id,)
    assert (await live_log.all())[0].event == event


async def test_an_id_twice_in_one_call_is_written_once(live_log: LiveLog) -> None:
    first, second = trades(2)
    other = msgspec.structs.replace(second, token_amount=second.token_amount + 1)
    appended = await live_log.appender.append(entries([first, second, first, other]))
    assert (appended.written, appended.duplicates, appended.conflicting) == (2, 1, (second.id,))
    assert appended.sequences == (1, 2, 1, 2)
    assert appended.conflicts == {3}
    assert [it.event for it in await live_log.all()] == [first, second]


async def test_calls_at_the_same_time_are_appended_one_after_another(live_log: LiveLog) -> None:
    events = trades(900)
    parts = [events[at : at + 90] for at in range(0, 900, 90)]
    results = await asyncio.gather(*(live_log.appender.append(entries(it)) for it in parts))
    assert [it.last_sequence for it in results] == list(range(90, 901, 90))
    assert [it.event for it in await live_log.all()] == events


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Entry(subject="pump.sol.priced", id="big", payload=b"x" * 1_048_576), "max_payload"),
        (Entry(subject="pump.*.traded", id="wild", payload=b"{}"), "subject"),
        (Entry(subject="pump..traded", id="empty", payload=b"{}"), "subject"),
        (Entry(subject="pump.sol\r\nPUB x 0\r\n", id="line", payload=b"{}"), "subject"),
        (Entry(subject="pump.sol.priced", id="a\r\nNats-Rollup:all", payload=b"{}"), "id"),
    ],
)
async def test_an_entry_that_cannot_be_carried_stops_all_before_it_is_written(
    live_log: LiveLog, bad: Entry, reason: str
) -> None:
    with pytest.raises(EntryRefusedError, match=reason) as caught:
        await live_log.appender.append([*entries(trades(1_500)), bad])
    assert caught.value.entry_id == bad.id
    assert await live_log.log.last_sequence() == 0


async def test_batches_are_cut_by_bytes_as_well_as_by_count(live_log: LiveLog) -> None:
    large = [
        Entry(subject="pump.sol.priced", id=f"large{number}", payload=b"x" * 900_000)
        for number in range(20)
    ]
    appended = await live_log.appender.append(large)
    assert (appended.last_sequence, appended.written, appended.duplicates) == (20, 20, 0)


async def test_what_stands_behind_a_known_entry_is_known_by_its_own_id_alone(
    live_log: LiveLog,
) -> None:
    """The same content under another id was taken back, and is to be appended again."""
    first, second, third = trades(3)
    await live_log.appender.append(entries([first, second]))
    again = msgspec.structs.replace(entry(second), id=f"{second.id}@2.1")
    appended = await live_log.appender.append([entry(first), again, entry(third)])
    assert (appended.written, appended.duplicates) == (2, 1)
    assert appended.sequences == (1, 3, 4)


def link(number: int, follows: int) -> Entry:
    """A link of a chain: it says after which one it comes."""
    payload = b"%d" % number
    return Entry(subject="pump.sol.priced", id=f"link{number}", payload=payload, follows=follows)


async def test_a_link_is_added_behind_the_one_that_it_follows(live_log: LiveLog) -> None:
    first = await live_log.appender.append([*entries(trades(3)), link(1, 0)])
    assert first.sequences == (1, 2, 3, 4)
    second = await live_log.appender.append([link(2, 4), *entries(trades(2, first=4))])
    assert second.sequences == (5, 6, 7)
    third = await live_log.appender.append([link(3, 5)])
    assert third.sequences == (8,)


@pytest.mark.parametrize("others", [0, 3])
async def test_a_link_that_somebody_else_was_faster_with_is_not_written(
    live_log: LiveLog, others: int
) -> None:
    await live_log.appender.append([link(1, 0)])
    await live_log.appender.append([link(2, 1)])
    with pytest.raises(OutpacedError, match="one ingest may write to a log at a time"):
        await live_log.appender.append([link(3, 1), *entries(trades(others))])
    assert await live_log.log.last_sequence() == 2


@pytest.mark.parametrize("others", [0, 3])
async def test_a_link_that_was_stored_though_nobody_heard_of_it_is_a_duplicate(
    live_log: LiveLog, others: int
) -> None:
    await live_log.appender.append([link(1, 0)])
    batch = [link(2, 1), *entries(trades(others))]
    await live_log.appender.append(batch)
    again = await live_log.appender.append(batch)
    assert (again.written, again.duplicates) == (0, len(batch))
    assert again.sequences == tuple(range(2, 2 + len(batch)))


async def test_links_that_were_stored_together_though_nobody_heard_of_it_are_duplicates(
    live_log: LiveLog,
) -> None:
    """Each speaks for those behind it, so the log's last link is not the one that is asked for."""
    await live_log.appender.append([link(1, 0)])
    second, third = link(2, 1), msgspec.structs.replace(link(3, 0), follows=None)
    batch = [second, *entries(trades(2)), third]
    await live_log.appender.append(batch)
    again = await live_log.appender.append(batch)
    assert (again.written, again.duplicates) == (0, 4)
    assert again.sequences == (2, 3, 4, 5)


async def test_links_behind_which_somebody_else_stopped_are_not_gone_on_with(
    live_log: LiveLog,
) -> None:
    """A batch is stored whole or not at all, so a part of it is another one's doing."""
    links = [link(1, 0), *(msgspec.structs.replace(link(n, 0), follows=None) for n in (2, 3))]
    await live_log.appender.append(links[:2])
    with pytest.raises(OutpacedError):
        await live_log.appender.append(links)
    assert await live_log.log.last_sequence() == 2


async def test_an_append_that_is_cancelled_ends_wherever_it_is(live_log: LiveLog) -> None:
    """The client's own flush swallows a cancellation, and a loop of appends would never end."""
    appended = 0

    async def keep_appending() -> None:
        nonlocal appended
        while True:
            await live_log.appender.append(entries(trades(3, first=appended)))
            appended += 3

    for turns in range(60):
        loop = asyncio.create_task(keep_appending())
        for _ in range(turns):
            await asyncio.sleep(0)
        loop.cancel()
        done, _ = await asyncio.wait({loop}, timeout=2.0)
        assert done, f"cancelled after {turns} turns of the loop, it goes on"
