"""Stops a program whenever it has something written to disk, by ptrace and seccomp; Linux only.

A Go program makes its system calls itself, so nothing that is loaded into it sees them; the kernel
does. A filter stops the program at `fsync`, `fdatasync`, and where it opens a file that is synced
with each write, and lets all other calls pass at full speed.
"""

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from adapters.embedded.errors import EmbeddedServerError

NOT_STARTED = 127
"""The exit code where the program could not be run, or not be traced."""

_CALLS: Mapping[str, tuple[int, int, int]] = {
    "x86_64": (74, 75, 257),
    "aarch64": (82, 83, 56),
}
"""The numbers of `fsync`, `fdatasync` and `openat` by machine."""

_SYNC, _OPEN = 1, 2
"""What the filter says of a call that it stops."""

_TRACEME, _CONT, _SYSCALL = 0, 7, 24
_SETOPTIONS, _GET_SYSCALL_INFO = 0x4200, 0x420E
_EVENTS_OF_CHILDREN, _EVENT_EXEC, _EVENT_SECCOMP = (1, 2, 3), 4, 7
_OPTIONS = (
    1  # a stop at a system call says so
    | sum(1 << event for event in (*_EVENTS_OF_CHILDREN, _EVENT_EXEC, _EVENT_SECCOMP))
    | 1 << 20  # whoever is traced ends with us
)
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_WALL = 0x40000000
_INFO = struct.Struct("<B3xIQQ7QI4x")
"""`ptrace_syscall_info` of a stop by seccomp: operation, where, number and arguments, its word."""
_EXIT_INFO = struct.Struct("<B3xIQQqB")
"""The same of a call's end: its result, and whether that is an error."""

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_TRACE, _ALLOW = 0x7FF00000, 0x7FFF0000
_NUMBER_AT, _FLAGS_AT = 0, 32
"""Where a filter finds a call's number, and the third argument of it."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class Syncs(Protocol):
    """Told of what a program has written to disk, while the program is stopped."""

    def syncing(self, path: str) -> Callable[[], None]:
        """A file is about to be synced, by the open file at `path`; called back when it is."""
        ...

    def opened(self, path: str) -> None:
        """A file was opened that is synced with each write."""
        ...


def run(command: Sequence[str], syncs: Syncs) -> int:
    """Run a program to its end and return its exit code; SIGTERM and SIGINT are passed on.

    Call it in a process of its own: it waits for every child there is.
    """
    numbers = _CALLS.get(platform.machine())
    if numbers is None or platform.system() != "Linux":
        raise EmbeddedServerError(f"syncs cannot be traced on {platform.platform()}")
    child = os.fork()
    if child == 0:
        _become(command, numbers)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    return _Tracer(child, syncs).run()


def _become(command: Sequence[str], numbers: tuple[int, int, int]) -> None:
    """Let us be traced, stop until somebody does, and become the program."""
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _done(_libc.ptrace(_TRACEME, 0, None, None), "nobody may be traced here")
        os.kill(os.getpid(), signal.SIGSTOP)
        _filter(numbers)
        os.execv(command[0], list(command))  # noqa: S606  # our own command lines only
    except OSError as error:
        print(f"{command[0]} was not started: {error}", file=sys.stderr, flush=True)  # noqa: T201  # a child's last words
    finally:
        os._exit(NOT_STARTED)


def _filter(numbers: tuple[int, int, int]) -> None:
    """Have the kernel stop this process, and what becomes of it, at the calls that matter."""
    sync, datasync, openat = numbers
    program = b"".join(
        struct.pack("<HBBI", *step)
        for step in (
            (_LOAD, 0, 0, _NUMBER_AT),
            (_JUMP_EQUAL, 4, 0, sync),
            (_JUMP_EQUAL, 3, 0, datasync),
            (_JUMP_EQUAL, 0, 3, openat),
            (_LOAD, 0, 0, _FLAGS_AT),
            (_JUMP_SET, 2, 1, os.O_DSYNC),
            (_RETURN, 0, 0, _TRACE | _SYNC),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _TRACE | _OPEN),
        )
    )
    steps = ctypes.create_string_buffer(program, len(program))
    pointer = ctypes.addressof(steps)
    header = ctypes.create_string_buffer(struct.pack("<H6xQ", len(program) // 8, pointer))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filtered = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0)
    _done(filtered, "the kernel takes no filter")


def _done(result: int, otherwise: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), otherwise)


class _Tracer:
    """Waits for the program's stops, one thread of it at a time."""

    def __init__(self, child: int, syncs: Syncs) -> None:
        self._child = child
        self._syncs = syncs
        self._under_way: dict[int, Callable[[int], None]] = {}
        """By thread, what is to be done with the result of its call."""
        self._known = {child}

    def run(self) -> int:
        _, status = os.waitpid(self._child, _WALL)
        if not os.WIFSTOPPED(status):
            return NOT_STARTED
        self._ptrace(_SETOPTIONS, self._child, _OPTIONS)
        self._ptrace(_CONT, self._child, 0)
        while True:
            thread, status = os.waitpid(-1, _WALL)
            if not os.WIFSTOPPED(status):
                if thread == self._child:
                    return os.waitstatus_to_exitcode(status)
                continue
            try:
                self._stopped(thread, os.WSTOPSIG(status), status >> 16)
            except ProcessLookupError:  # it was killed while it was stopped
                self._under_way.pop(thread, None)

    def _stopped(self, thread: int, number: int, event: int) -> None:
        if event == _EVENT_SECCOMP:
            self._under_way[thread] = self._entered(thread)
            self._ptrace(_SYSCALL, thread, 0)
        elif number == _SYSCALL_STOP:
            self._under_way.pop(thread)(self._result(thread))
            self._ptrace(_CONT, thread, 0)
        elif event or (number == signal.SIGSTOP and thread not in self._known):
            self._known.add(thread)
            self._ptrace(_CONT, thread, 0)
        else:
            self._ptrace(_CONT, thread, number)

    def _entered(self, thread: int) -> Callable[[int], None]:
        *_, first, _, _, _, _, _, word = _INFO.unpack(self._info(thread, _INFO.size))
        if word == _OPEN:
            return lambda result: self._opened(thread, result)
        synced = self._syncs.syncing(f"/proc/{thread}/fd/{first}")
        return lambda result: None if result else synced()

    def _opened(self, thread: int, descriptor: int) -> None:
        if descriptor >= 0:
            self._syncs.opened(f"/proc/{thread}/fd/{descriptor}")

    def _result(self, thread: int) -> int:
        return int(_EXIT_INFO.unpack(self._info(thread, _EXIT_INFO.size))[4])

    def _info(self, thread: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        self._ptrace(_GET_SYSCALL_INFO, thread, ctypes.addressof(buffer), size=size)
        return buffer.raw

    def _ptrace(self, request: int, thread: int, data: int, *, size: int = 0) -> None:
        if _libc.ptrace(request, thread, size, data) < 0:
            code = ctypes.get_errno()
            if code == errno.ESRCH:
                raise ProcessLookupError(code, f"thread {thread} is gone")
            raise OSError(code, f"ptrace({request:#x}) of thread {thread}")
