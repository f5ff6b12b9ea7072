"""What a NATS server sends is read the same however the socket cuts it, with sinks and without."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from adapters.jetstream.frames import Frames

HEARD = 7
"""The subscription that has a sink."""


class Hearing(Client):
    """nats-py's client, which only notes what its parser tells it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[object, ...]] = []

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        self.heard.append((sid, subject, reply, data, headers))

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_pong(self) -> None:
        self.heard.append(("pong",))

    async def _process_err(self, err_msg: str) -> None:
        self.heard.append(("error", err_msg))

    async def _process_info(self, info: dict[str, Any], *_: object, **__: object) -> None:
        self.heard.append(("info", info["server_id"]))


contents = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\r\n", b"PING\r\n", b"HMSG a 7 3 3\r\nabc\r\n", b"x" * 5_000]),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    number = draw(st.sampled_from([HEARD, HEARD, 8]))
    reply = draw(st.sampled_from([b"", b"$JS.ACK.PUMP.reader.1.2.3.4.5 "]))
    # All headers begin so, and nats-py may take what begins with blanks or digits for a size.
    content, headers = draw(contents), draw(st.none() | contents.map(b"NATS/1.0\r\n".__add__))
    if headers is None:
        line = b"MSG _INBOX.a %d %b%d\r\n" % (number, reply, len(content))
        return line + content + b"\r\n"
    sizes = (len(headers), len(headers) + len(content))
    return b"HMSG _INBOX.a %d %b%d %d\r\n" % (number, reply, *sizes) + headers + content + b"\r\n"


others = st.sampled_from(
    [
        *(b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'Stale Connection'\r\n"),
        b'INFO {"server_id":"' + b"n" * 5_000 + b'"}\r\n',
    ]
)


@given(st.lists(messages() | others, max_size=12), st.data())
def test_however_it_is_cut_it_is_what_nats_py_reads(
    frames: list[bytes], data: st.DataObject
) -> None:
    sent = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    parts = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]

    async def heard_by(parser: Parser) -> list[tuple[object, ...]]:
        for part in parts:
            await parser.parse(part)
        return list(parser.nc.heard)

    ours = Hearing()

    def sink(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        ours.heard.append((HEARD, subject, reply, payload, headers))

    found = asyncio.run(heard_by(Frames(ours, {HEARD: sink})))
    assert found == asyncio.run(heard_by(Parser(Hearing())))


@given(st.binary(min_size=1, max_size=200))
def test_the_beginning_of_a_frame_is_no_part_of_the_next_connection(payload: bytes) -> None:
    client = Hearing()
    parser = Frames(client, {})
    message = b"MSG a 8 %d\r\n%b\r\n" % (len(payload), payload)

    async def cut_off() -> None:
        for end in range(1, len(message)):
            await parser.parse(message[:end])
            parser.reset()
            await parser.parse(b"PING\r\n")
            assert client.heard.pop() == ("ping",)
            assert not client.heard

    asyncio.run(cut_off())


@given(st.lists(messages() | others, max_size=3), st.integers(0, 40))
def test_what_stands_behind_an_error_that_ends_the_connection_is_not_read(
    frames: list[bytes], cut: int
) -> None:
    """Nor is the beginning of a frame that it ends in, once there is another connection."""

    class Ending(Hearing):
        async def _process_err(self, err_msg: str) -> None:
            self._ps.reset()  # as the client does when it connects anew

    client = Ending()
    client._ps = Frames(client, {HEARD: lambda *message: client.heard.append(message)})

    async def end_and_go_on() -> None:
        rest = b"".join(frames)
        await client._ps.parse(b"-ERR 'Stale Connection'\r\n" + rest[: max(len(rest) - cut, 0)])
        assert not client.heard
        await client._ps.parse(b"PING\r\n")
        assert client.heard == [("ping",)]

    asyncio.run(end_and_go_on())


@pytest.mark.parametrize(
    "frame",
    [
        *(b"HMSG a b 7 8\r\n", b"HMSG 7\r\n", b"MSG a 7 x\r\n", b"HALLO\r\n"),
        *(b"MSG a 7 -1\r\n", b"HMSG a 7 9 3\r\nabc\r\n", b"HMSG a 7 -4 3\r\nabc\r\n"),
    ],
)
def test_what_is_no_frame_ends_the_connection(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        asyncio.run(Frames(Hearing(), {HEARD: lambda *_: None}).parse(frame))
