"""Whoever joins a room, leaves it, reads slowly and comes back is given each message once."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.live.channel import Channel
from api.live.line import Line
from api.live.message import Bundle, Message
from api.live.recent import Recent
from api.live.rooms import Rooms

ROOMS = ["token:a", "token:b"]


class Slow(Channel):
    """A client that reads when it is told to."""

    def __init__(self) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]  # nothing is sent on a connection
        self.given: list[Message] = []
        self.unread = 0.0

    @property
    def line(self) -> Line:
        return Line()

    @property
    def unsent_share(self) -> float:
        return self.unread

    def give(self, messages: Bundle) -> bool:
        if self.unread <= 1:
            self.given += messages.messages
        return self.unread <= 1


def messages(rooms: Iterable[str], *, first: int = 1) -> list[Message]:
    return [Message(room, "trade", place, b"{}") for place, room in enumerate(rooms, first)]


@given(rooms=st.lists(st.sampled_from(ROOMS)), after=st.integers(0, 40), kept=st.integers(1, 40))
def test_a_rooms_messages_behind_a_sequence_are_all_there_or_it_is_said(
    rooms: list[str], after: int, kept: int
) -> None:
    recent = Recent(0, messages_max=kept)
    every = messages(rooms)
    for message in every:
        recent.add(message)
    for room in ROOMS:
        found = recent.since(room, after)
        expected = [it for it in every if it.room == room and it.sequence > after]
        if found is None:
            assert after < len(every) - kept, "what is needed is kept"
        else:
            assert list(found) == expected


def test_what_is_kept_is_bounded_by_its_bytes_as_well() -> None:
    recent = Recent(5, bytes_max=10)
    assert recent.since("token:a", 4) is None
    for sequence in range(6, 12):
        recent.add(Message("token:a", "trade", sequence, b"four"))
    assert recent.floor == 9
    found = recent.since("token:a", 9)
    assert found is not None
    assert [it.sequence for it in found] == [10, 11]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.lists(st.sampled_from(ROOMS), max_size=4)),
            st.tuples(st.sampled_from(["fill", "read", "catch up"]), st.none()),
        ),
        max_size=40,
    )
)
def test_a_client_that_reads_slowly_is_given_everything_once_and_in_order(
    steps: Sequence[tuple[str, Any]],
) -> None:
    stale: list[object] = []
    rooms = Rooms(floor=0, stale=lambda *told: stale.append(told))
    slow, quick = Slow(), Slow()
    for channel in (slow, quick):
        rooms.join(channel, ROOMS[0])
    published: list[Message] = []
    for what, argument in steps:
        if what == "publish":
            fresh = messages(argument, first=len(published) + 1)
            published += fresh
            rooms.publish(fresh, len(published))
        elif what == "fill":
            slow.unread = 2.0
        elif what == "read":
            slow.unread = 0.0
        else:
            assert rooms.catch_up() == []
    slow.unread = 0.0
    rooms.catch_up()
    expected = [it for it in published if it.room == ROOMS[0]]
    assert quick.given == expected
    assert slow.given == expected
    assert all(a.sequence < b.sequence for a, b in pairwise(slow.given))
    assert stale == []


def test_a_client_that_missed_more_than_is_kept_is_told_anew() -> None:
    stale: list[tuple[Channel, str]] = []
    rooms = Rooms(floor=0, stale=lambda channel, room: stale.append((channel, room)))
    rooms._recent = Recent(0, messages_max=3)  # a small one
    slow = Slow()
    rooms.join(slow, ROOMS[0])
    slow.unread = 2.0
    rooms.publish(messages([ROOMS[0]] * 9), 9)
    slow.unread = 0.0
    rooms.catch_up()
    assert stale == [(slow, ROOMS[0])]
    assert slow.given == []
    assert not rooms.watched(ROOMS[0]), "until it has been told"


def test_who_comes_back_is_given_what_it_missed_in_portions_and_in_order() -> None:
    rooms = Rooms(floor=0, stale=lambda *_: None)
    every = messages([ROOMS[0]] * 2_500)
    rooms.publish(every, 2_500)
    back, full = Slow(), Slow()
    full.unread = 2.0
    assert not rooms.resume(back, ROOMS[0], 2_501)
    for channel in (back, full):
        assert rooms.resume(channel, ROOMS[0], 100)
    assert (len(back.given), len(full.given)) == (1_000, 0)
    assert (rooms.given(back, ROOMS[0]), rooms.given(full, ROOMS[0])) == (1_100, 100)
    every += messages([ROOMS[0]], first=2_501)
    rooms.publish(every[-1:], 2_501)
    back.unread = 0.5
    rooms.catch_up()
    assert len(back.given) == 1_000, "it has still to read these"
    back.unread = full.unread = 0.0
    for _ in range(3):
        rooms.catch_up()
    every += messages([ROOMS[0]], first=2_502)
    rooms.publish(every[-1:], 2_502)
    assert back.given == full.given == every[100:]
    assert rooms.given(back, ROOMS[0]) == 2_502


def test_a_portion_is_bounded_by_its_bytes_as_well() -> None:
    recent = Recent(0)
    for sequence in range(1, 6):
        recent.add(Message("token:a", "trade", sequence, b"four"))
    for after, bytes_max, expected in [
        (0, 9, ([1, 2], True)),
        (2, 1, ([3], True)),
        (3, 8, ([4, 5], False)),
        (5, 8, ([], False)),
    ]:
        found = recent.portion("token:a", after, bytes_max=bytes_max)
        assert found is not None
        assert ([it.sequence for it in found[0]], found[1]) == expected
    assert recent.portion("token:b", 0) == ([], False)
    assert recent.portion("token:a", -1) is None


def test_a_client_that_reads_nothing_for_too_long_is_let_go_of() -> None:
    rooms = Rooms(floor=0, stale=lambda *_: None)
    slow = Slow()
    rooms.join(slow, ROOMS[0])
    slow.unread = 2.0
    rooms.publish(messages([ROOMS[0]]), 1)
    assert rooms.catch_up() == []
    assert slow.full_since_s is not None
    slow.full_since_s -= 60
    assert rooms.catch_up() == [slow]
    rooms.forget(slow)
    assert not rooms.watched(ROOMS[0])
    assert rooms.catch_up() == []


def test_a_client_that_has_gone_while_it_was_answered_is_given_nothing_more() -> None:
    rooms = Rooms(floor=0, stale=lambda *_: None)
    slow = Slow()
    rooms.forget(slow)
    rooms.join(slow, ROOMS[0])
    assert not rooms.watched(ROOMS[0])
