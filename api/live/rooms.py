"""Who is in which room, and what each of them has been given."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from api.live.channel import UNSENT_SHARE_LOW, Channel
from api.live.line import Line
from api.live.message import Bundle, Message
from api.live.recent import Recent

FULL_S_MAX = 30.0
"""A client that reads nothing for so long is let go of."""


Listener: TypeAlias = Callable[[Sequence[Message]], None]
"""Is given the messages of all rooms, which it must not wait over."""


class Rooms:
    """Hands messages to the members of their rooms, and keeps the last ones."""

    def __init__(
        self,
        *,
        floor: int,
        stale: Callable[[Channel, str], None],
        listeners: Sequence[Listener] = (),
        new_after: int = 0,
        caught_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`stale` is told of members that missed more than is kept, so they need all anew.

        `listeners` are given every message of an event behind `new_after`, in their order; what
        was there before is read again for those who come back, and `caught_up` called when it is.
        """
        self.sequence = floor
        """Of the last event of the log that was looked at."""
        self._recent = Recent(floor)
        self._members: dict[str, dict[Channel, Line | None]] = {}
        """With the line of each; None where it is behind, and has to catch up first."""
        self._behind: set[Channel] = set()
        self._stale = stale
        self._listeners = listeners
        self._new_after = new_after
        self._caught_up = caught_up
        if floor >= new_after:
            caught_up()

    @property
    def floor(self) -> int:
        """Behind this sequence of the log no message is missing here."""
        return self._recent.floor

    def since(self, room: str, after: int) -> Sequence[Message] | None:
        """A room's messages behind a sequence; None where some of them may be gone."""
        return self._recent.since(room, after)

    def join(self, channel: Channel, room: str) -> None:
        """Have the channel given whatever comes from now on; nothing where it has gone."""
        if channel.gone:
            return
        channel.rooms[room] = self.sequence
        channel.behind.discard(room)
        self._members.setdefault(room, {})[channel] = channel.line

    def resume(self, channel: Channel, room: str, after: int) -> bool:
        """Have it go on behind a sequence; False where some of what came since may be gone."""
        if after > self.sequence or after < self.floor:
            return False
        self.join(channel, room)
        if not channel.gone:
            channel.rooms[room] = after
            self._give_missed(channel, room)
        return True

    def given(self, channel: Channel, room: str) -> int:
        """The sequence up to which it has been given all of a room."""
        return channel.rooms[room] if room in channel.behind else self.sequence

    def leave(self, channel: Channel, room: str) -> None:
        """Stop that; harmless where it is not in the room."""
        channel.rooms.pop(room, None)
        channel.behind.discard(room)
        members = self._members.get(room, {})
        members.pop(channel, None)
        if not members:
            self._members.pop(room, None)

    def forget(self, channel: Channel) -> None:
        """Leave all rooms, for good."""
        channel.gone = True
        for room in list(channel.rooms):
            self.leave(channel, room)
        self._behind.discard(channel)

    def members(self, room: str) -> Iterable[Channel]:
        """Who is in a room."""
        return self._members.get(room, ())

    def watched(self, room: str) -> bool:
        """Whether anybody is in a room."""
        return room in self._members

    def publish(self, messages: Iterable[Message], sequence: int) -> None:
        """Give messages to those in their rooms; the log was read up to `sequence`."""
        by_room: dict[str, list[Message]] = {}
        told = list(messages)
        for message in told:
            self._recent.add(message)
            if message.room in self._members:
                by_room.setdefault(message.room, []).append(message)
        before, self.sequence = self.sequence, sequence
        if self._listeners and sequence > self._new_after:
            new = [message for message in told if message.sequence > self._new_after]
            for listener in self._listeners:
                listener(new)
        for room, given in by_room.items():
            self._give(room, Bundle(given), before)
        if before < self._new_after <= sequence:
            self._caught_up()

    def _give(self, room: str, bundle: Bundle, before: int) -> None:
        """To all of its members who have been given all up to the sequence `before`."""
        frames = bundle.frames
        # A thousand members are not in the processor's cache any more once the kernel has written
        # to them all: each object of a member's that is looked at here costs a delivery its time.
        for channel, line in self._members[room].items():
            if line is None:
                continue
            transport = line.direct
            if transport is not None and not transport.is_closing():
                transport.write(frames)
            elif not channel.give(bundle):
                channel.rooms[room] = before
                self._fall_behind(channel, room)

    def catch_up(self) -> list[Channel]:
        """Give those who were behind and have read meanwhile what they missed.

        Returns those that have read nothing for too long.
        """
        dead: list[Channel] = []
        for channel in list(self._behind):
            if channel.unsent_share > UNSENT_SHARE_LOW:
                since_s = channel.full_since_s
                if since_s is not None and time.monotonic() - since_s > FULL_S_MAX:
                    dead.append(channel)
                continue
            channel.full_since_s = None
            self._behind.discard(channel)
            for room in sorted(channel.behind):
                channel.behind.discard(room)
                self._members[room][channel] = channel.line
                self._give_missed(channel, room)
        return dead

    def _give_missed(self, channel: Channel, room: str) -> None:
        """As much as may wait for it at once; it stays behind until it has been given all."""
        found = self._recent.portion(room, channel.rooms[room])
        if found is None:
            self.leave(channel, room)
            self._stale(channel, room)
            return
        missed, more = found
        if missed:
            if not channel.give(Bundle(missed)):
                self._fall_behind(channel, room)
                return
            channel.rooms[room] = missed[-1].sequence
        if more:
            self._fall_behind(channel, room)

    def _fall_behind(self, channel: Channel, room: str) -> None:
        channel.fall_behind(room)
        self._members[room][channel] = None
        self._behind.add(channel)
