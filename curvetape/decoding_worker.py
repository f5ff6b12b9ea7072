"""A process that decodes, seen from both of its ends: frames through two pipes.

Nothing here waits in a thread: a thread that moves megabytes has to get hold of the interpreter
again for each piece, and ingest keeps that busy. Pipes are made as large as the kernel allows, so
that a part of the work usually fits in at once.
"""

import asyncio
import fcntl
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

import msgspec

from adapters.yellowstone import frames
from domain.chain import RawTransaction
from ingest.transaction import Batch, entries

PIPE_BYTES = 1 << 20
"""What Linux allows everybody."""
READ_BYTES_MAX = 1 << 20
END_WAIT_S_MAX = 5.0

Sent: TypeAlias = tuple[int, int, int, bytes]
"""Slot, second of the block, nanosecond of receipt, and the transaction as it was encoded."""
Request: TypeAlias = list[Sent]
Answer: TypeAlias = list[Batch]

_LENGTH = struct.Struct("<Q")


class WorkerEndedError(Exception):
    """The process has ended before it answered."""


def sent(tx: RawTransaction) -> Sent:
    """A transaction as a worker is handed it."""
    return tx.slot, tx.block_time_s, tx.received_at_ns, tx.details.encoded()


class Worker:
    """One process, which answers requests in their order; started again by the next one."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._to = self._from = -1
        self._sending = asyncio.Lock()
        self._received = bytearray()
        self._awaited: deque[asyncio.Future[bytes]] = deque()

    @property
    def pid(self) -> int | None:
        """The process id while there is a process."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; what is asked before it is ready waits for it."""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        _enlarge(self._to, self._from)
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", __name__],
            stdin=theirs_in,
            stdout=theirs_out,
            start_new_session=True,  # a Ctrl-C in the terminal is for ingest
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._received.clear()
        asyncio.get_running_loop().add_reader(self._from, self._take)

    async def ask(self, request: bytes) -> bytes:
        """The answer to a request; `WorkerEndedError` when the process ended before it came."""
        async with self._sending:
            if self._process is None:
                self.start()
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._awaited.append(answer)
            try:
                await self._send(_LENGTH.pack(len(request)) + request)
            except BrokenPipeError:
                self._lose()
            except asyncio.CancelledError:
                answer.cancel()
                self.stop()  # half a request is none
                raise
        return await answer

    def stop(self) -> None:
        """End the process, whatever it does; who waits for an answer is told."""
        if self._process is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._from)
        loop.remove_writer(self._to)
        os.close(self._to)
        os.close(self._from)
        self._process.kill()
        self._process.wait(END_WAIT_S_MAX)
        self._process = None
        while self._awaited:
            answer = self._awaited.popleft()
            if not answer.done():
                answer.set_exception(WorkerEndedError())

    def _lose(self) -> None:
        """The process has ended by itself."""
        if (process := self._process) is None:
            return
        self.stop()
        code = process.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        self._say(
            f"process {process.pid}, which decodes, has ended {how}; another one is started and "
            "decodes again what it had"
        )

    async def _send(self, frame: bytes) -> None:
        rest, process = memoryview(frame), self._process
        while rest:
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                await self._room()
            if self._process is not process:
                return  # it has ended meanwhile, and so says the answer

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        process, room = self._process, asyncio.Event()
        loop.add_writer(self._to, room.set)
        waiting = asyncio.create_task(room.wait())
        try:
            # The process may end instead, which answers everything that was asked.
            either: set[asyncio.Future[Any]] = {waiting, self._awaited[0]}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            if self._process is process:
                loop.remove_writer(self._to)

    def _take(self) -> None:
        """Read what has come; an end of it is the process's."""
        try:
            read = os.read(self._from, READ_BYTES_MAX)
        except BlockingIOError:
            return
        if not read:
            self._lose()
            return
        received = self._received
        received += read
        while len(received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received)
            end = _LENGTH.size + length
            if len(received) < end:
                return
            answer = self._awaited.popleft()
            if not answer.done():
                answer.set_result(bytes(received[_LENGTH.size : end]))
            del received[:end]


def _enlarge(*pipes: int) -> None:
    """As far as the system lets us; a smaller pipe is only slower."""
    if sys.platform != "linux":
        return
    for pipe in pipes:
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except PermissionError:
            return  # this account has many large pipes already


def work(asked: BinaryIO, answered: BinaryIO) -> None:
    """Answer requests until there are no more."""
    encode = msgspec.msgpack.Encoder().encode
    decode = msgspec.msgpack.Decoder(Request).decode
    while len(head := asked.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if len(request := asked.read(length)) < length:
            return
        answer: Answer = [
            entries(
                frames.encoded_transaction(
                    encoded, slot=slot, block_time_s=time_s, received_at_ns=received_at_ns
                )
            )
            for slot, time_s, received_at_ns, encoded in decode(request)
        ]
        encoded_answer = encode(answer)
        try:
            answered.write(_LENGTH.pack(len(encoded_answer)) + encoded_answer)
            answered.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    work(sys.stdin.buffer, sys.stdout.buffer)
