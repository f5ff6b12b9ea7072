"""Compressed updates are understood as far as gRPC itself understands them."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest
import zstandard

from adapters.yellowstone.endpoint import Endpoint, EndpointError
from curvetape.testing.endpoints import (
    answering,
    block_update,
    blocks,
    given,
    reading,
    saying,
    slots,
)
from curvetape.testing.yellowstone import GENESIS_SLOT, block, touching
from domain.programs import PUMP

FIRST = GENESIS_SLOT + 50


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_updates_are_understood(compression: grpc.Compression) -> None:
    sent = [block_update(block(FIRST, [touching(PUMP, signature=1, padding=10_000)]))]
    async with (
        answering(saying(sent), compression=compression) as server,
        tapped(int(server.url.rpartition(":")[2])) as (port, asked, heard),
        reading(f"http://127.0.0.1:{port}", owed=FIRST) as reader,
    ):
        [received] = blocks(await reader.until_slot(FIRST))
    assert received.transactions[0].details.log_messages == ["x" * 10_000]
    assert len(heard) < 5_000
    assert b"gzip" in asked


async def test_compression_is_not_offered_where_it_is_not_wanted() -> None:
    async with (
        answering(saying(given([FIRST]))) as server,
        tapped(int(server.url.rpartition(":")[2])) as (port, asked, _),
    ):
        endpoint = Endpoint.parse(f"http://127.0.0.1:{port}?compression=none")
        async with reading(endpoint, owed=FIRST) as reader:
            await reader.until_slot(FIRST)
    assert b"identity" in asked
    assert b"gzip" not in asked


async def test_a_server_that_compresses_all_the_same_is_for_a_person() -> None:
    async with answering(saying(given([FIRST])), compression=grpc.Compression.Gzip) as server:
        endpoint = Endpoint.parse(f"{server.url}?compression=none")
        async with reading(endpoint, owed=FIRST) as reader:
            with pytest.raises(EndpointError, match="take compression=none out of its address"):
                await reader.until_slot(FIRST)


async def test_requests_can_be_compressed_too() -> None:
    async with answering(saying(given([FIRST]))) as server:
        endpoint = Endpoint.parse(f"{server.url}?compression=gzip")
        async with reading(endpoint, owed=FIRST) as reader:
            assert slots(await reader.until_slot(FIRST)) == [FIRST]


async def test_a_server_that_compresses_with_zstd_is_for_a_person() -> None:
    async with (
        compressing_with_zstd(given([FIRST])) as url,
        reading(url, owed=FIRST) as reader,
    ):
        with pytest.raises(EndpointError, match="zstd is not"):
            await reader.until_slot(FIRST)


@asynccontextmanager
async def tapped(target: int) -> AsyncIterator[tuple[int, bytearray, bytearray]]:
    """A port before a server's own, and all that its clients and the server say through it."""
    asked, heard = bytearray(), bytearray()
    tasks: set[asyncio.Task[None]] = set()

    async def forward(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: bytearray
    ) -> None:
        try:
            while data := await source.read(65_536):
                record.extend(data)
                sink.write(data)
        except OSError:
            pass  # the other side is gone, and so is this one below
        finally:
            sink.transport.abort()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        tasks.add(asyncio.create_task(forward(reader, back, asked)))
        tasks.add(asyncio.create_task(forward(there, writer, heard)))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked, heard
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def compressing_with_zstd(updates: Sequence[bytes]) -> AsyncIterator[str]:
    """A server that nobody asked for zstd, as little of HTTP/2 as it takes."""

    def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
        return (
            struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
        )

    def header(name: bytes, value: bytes) -> bytes:
        return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(24)
            writer.write(frame(4, 0, 0))
            while True:
                head = await reader.readexactly(9)
                length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
                stream = int.from_bytes(head[5:])
                await reader.readexactly(length)
                if kind == 4 and not flags:
                    writer.write(frame(4, 1, 0))
                elif kind == 1:
                    headers = b"\x88" + header(b"content-type", b"application/grpc")
                    writer.write(frame(1, 4, stream, headers + header(b"grpc-encoding", b"zstd")))
                    for update in updates:
                        body = zstandard.compress(update)
                        message = b"\x01" + struct.pack(">I", len(body)) + body
                        writer.write(frame(0, 0, stream, message))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
