"""python-socketio's book of clients, without a look at every room for each client that leaves.

The library's own goes through all rooms, and each client is a room: of ten thousand that left at
once the first thousand took ten seconds, in which nobody else was served.
"""

import socketio


class OwnRooms(socketio.AsyncManager):  # type: ignore[misc]  # the library has no types
    """For a server that puts clients into no room but everyone's and their own; ours are Rooms."""

    def basic_disconnect(self, sid: str, namespace: str, **_: object) -> None:
        """Forget a client."""
        for room in (None, sid):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in (waiting := pending.get(namespace, ())):
                waiting.remove(sid)
                if not waiting:
                    del pending[namespace]
