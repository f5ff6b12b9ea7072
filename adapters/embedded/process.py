"""A server's process: in a session of its own, tied to its parent's life, its output in a file."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

POLL_WAIT_S = 0.02
TAIL_LINES = 12
TAIL_BYTES_MAX = 16_384
LOG_BYTES_MAX = 16 * 1024 * 1024
"""A log larger than this is set aside as `<log>.1` when its server starts."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Account(msgspec.Struct, frozen=True):
    """The system account that a process is to run under."""

    uid: int
    gid: int


def _tied_to_parent(ending: signal.Signals, parent: int) -> Callable[[], None]:
    """What the child does before it becomes the server, so that no server outlives its parent.

    The kernel then sends `ending` when the thread that started the server dies, by `kill -9`
    too. That thread therefore has to live as long as the server should: start servers from the
    main thread. Outside Linux a killed parent leaves its servers to be stopped by hand.
    """

    def tie() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, ending)
            if os.getppid() != parent:  # it died before the kernel knew whom to tell
                os.kill(os.getpid(), signal.SIGKILL)

    return tie


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    ending: signal.Signals,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a server: `ending` is its polite end, `keep_open` are descriptors that it inherits."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  # our own command lines only
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,  # a Ctrl-C in the terminal is for us to pass on, in order
            preexec_fn=_tied_to_parent(ending, os.getpid()),  # noqa: PLW1509  # no locks in it
            pass_fds=keep_open,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


async def ended(process: subprocess.Popen[bytes], *, wait_s_max: float) -> bool:
    """Whether the process ended within `wait_s_max`; it is reaped then."""
    deadline = time.monotonic() + wait_s_max
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(POLL_WAIT_S)
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started in its group, without asking."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def set_aside(log: Path) -> None:
    """Start a new log file where the old one has grown large."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, *, after: int = 0) -> list[str]:
    """The last lines of a log file, of what is behind its first `after` bytes."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(after, log.stat().st_size - TAIL_BYTES_MAX))
        return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
