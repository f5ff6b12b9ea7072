"""Clients that leave are forgotten, and nobody else's room is looked at for that."""

from typing import Any

import pytest
import socketio

from api.live.manager import OwnRooms


class Unseen(dict[Any, Any]):
    """Rooms that nobody may go through."""

    def copy(self) -> dict[Any, Any]:
        raise AssertionError("all rooms are looked at")

    items = copy  # type: ignore[assignment]  # never returns
    values = copy  # type: ignore[assignment]  # nor this
    __iter__ = copy  # type: ignore[assignment]  # nor this


async def connected(manager: Any, count: int) -> list[str]:
    manager.set_server(socketio.AsyncServer(async_mode="asgi"))
    return [await manager.connect(f"session {number}", "/") for number in range(count)]


def known(manager: Any) -> tuple[object, ...]:
    return (
        {room: dict(members) for room, members in dict.items(manager.rooms.get("/", {}))},
        dict(manager.callbacks),
        dict(manager.pending_connect),
        dict(manager.pending_disconnect),
    )


@pytest.mark.parametrize("leaving", [1, 3])
async def test_who_leaves_is_forgotten_as_the_library_does_it(leaving: int) -> None:
    """Also who has only begun to leave, and who owes an acknowledgement."""
    left = []
    for manager in (OwnRooms(), socketio.AsyncManager()):
        sids = await connected(manager, 3)
        manager._generate_ack_id(sids[0], lambda: None)  # as `emit` does
        manager.pre_disconnect(sids[0], "/")
        for sid in sids[:leaving]:
            await manager.disconnect(sid, "/")
        rooms, *others = known(manager)
        names = {sid: f"client {number}" for number, sid in enumerate(sids)}
        assert isinstance(rooms, dict)
        renamed = {
            names.get(room, room): {names[sid]: session for sid, session in members.items()}
            for room, members in rooms.items()
        }
        left.append((renamed, others))
    assert left[0] == left[1]


async def test_no_other_room_is_looked_at() -> None:
    manager = OwnRooms()
    first, *others = await connected(manager, 10)
    manager.rooms["/"] = Unseen(manager.rooms["/"])
    await manager.disconnect(first, "/")
    assert set(dict.keys(manager.rooms["/"])) == {None, *others}
