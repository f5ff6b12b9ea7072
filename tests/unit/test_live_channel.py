"""What waits for a client that polls is reckoned by its size, too, and no more once it was read."""

from api.live.channel import UNSENT_BYTES_MAX, UNSENT_PACKETS_MAX, Channel
from api.live.line import Line
from api.live.message import Bundle, Message


class Polled:
    """The library's queue of a session that has no WebSocket."""

    def __init__(self) -> None:
        self.waiting = Line()

    def protocol(self, _session: str) -> None:
        return None

    def queue(self, _session: str) -> Line:
        return self.waiting


def bundle(bytes_: int) -> Bundle:
    return Bundle([Message("token:a", "token:history", 1, b'"' + b"x" * bytes_ + b'"')])


def test_a_few_large_messages_are_as_full_as_many_small_ones() -> None:
    polled = Polled()
    channel = Channel(polled, "session")  # type: ignore[arg-type]  # that one has a server
    for _ in range(3):
        channel.send(bundle(UNSENT_BYTES_MAX // 2))
    assert channel.unsent_share > 1
    assert not channel.give(bundle(1))
    polled.waiting.get_nowait()
    polled.waiting.get_nowait()
    assert 0.5 < channel.unsent_share < 0.6
    for _ in range(UNSENT_PACKETS_MAX):
        channel.send(bundle(1))
    assert channel.unsent_share > 1
    while not polled.waiting.empty():
        polled.waiting.get_nowait()
    assert channel.unsent_share == 0.0
    assert channel.give(bundle(1))
