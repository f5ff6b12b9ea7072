"""What is written to a client directly comes behind what it was given otherwise, never twice."""

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from api.live.channel import Channel
from api.live.line import Line
from api.live.message import Bundle, Message
from api.live.rooms import Rooms

ROOMS = ["token:a", "token:b"]


class Direct(Channel):
    """A client whose connection takes what is written, until it is full or closes."""

    def __init__(self) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]  # nothing is sent on a connection
        self.came: list[bytes] = []
        self.unread = 0.0
        self.looked = 0
        self.closing = False
        self._line = Line()

    @property
    def line(self) -> Line:
        return self._line

    @property
    def unsent_share(self) -> float:
        return self.unread

    def give(self, messages: Bundle) -> bool:
        self.looked += 1
        if self.unread > 1:
            return False
        self.came.append(messages.frames)
        self._line.direct = cast("Any", self)
        return True

    def fill(self) -> None:
        """As a transport that says so."""
        self.unread = 2.0
        self._line.direct = None

    def write(self, frames: bytes) -> None:
        assert not self.closing
        self.came.append(frames)

    def is_closing(self) -> bool:
        return self.closing


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.lists(st.sampled_from(ROOMS), max_size=4)),
            st.tuples(st.sampled_from(["fill", "read", "answer", "catch up"]), st.none()),
        ),
        max_size=60,
    )
)
def test_a_client_in_two_rooms_is_given_all_of_each_in_order_however_it_is_written_to(
    steps: Sequence[tuple[str, Any]],
) -> None:
    rooms = Rooms(floor=0, stale=lambda *_: None)
    client = Direct()
    for room in ROOMS:
        rooms.join(client, room)
    published: list[Message] = []
    for what, argument in steps:
        if what == "publish":
            first = len(published) + 1
            fresh = [
                Message(room, f"of {room}", place, b"%d" % place)
                for place, room in enumerate(argument, first)
            ]
            published += fresh
            rooms.publish(fresh, len(published))
        elif what == "fill":
            client.fill()
        elif what == "answer":
            client.line.put_nowait("an answer")
            client.line.get_nowait()
        else:
            client.unread = 0.0
            if what == "catch up":
                rooms.catch_up()
    client.unread = 0.0
    rooms.catch_up()
    came = b"".join(client.came)
    for room in ROOMS:
        places = [came.find(each.frame) for each in published if each.room == room]
        assert -1 not in places
        assert places == sorted(places)
    assert len(came) == sum(len(each.frame) for each in published), "nothing twice"


def test_a_client_is_looked_at_once_and_again_when_something_else_waits_or_it_closes() -> None:
    rooms = Rooms(floor=0, stale=lambda *_: None)
    client = Direct()
    rooms.join(client, ROOMS[0])

    def looked(sequence: int) -> int:
        before = client.looked
        rooms.publish([Message(ROOMS[0], "trade", sequence, b"{}")], sequence)
        assert len(client.came) == sequence
        return client.looked - before

    assert [looked(1), looked(2), looked(3)] == [1, 0, 0]
    client.line.put_nowait("an answer")
    assert [looked(4), looked(5)] == [1, 0]
    client.closing = True
    assert looked(6) == 1


async def test_a_line_is_idle_once_what_was_taken_from_it_is_written() -> None:
    line = Line()
    assert line.idle
    line.put_nowait("an answer")
    assert not line.idle
    assert await line.get() == "an answer"
    assert not line.idle
    line.put_nowait("another")
    line.written()
    assert not line.idle
    line.get_nowait()
    line.written()
    assert line.idle
