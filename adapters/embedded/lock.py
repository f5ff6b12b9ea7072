"""A folder's lock, held by the server that runs on it for exactly as long as it lives."""

import asyncio
import fcntl
import os
import time
from pathlib import Path

from adapters.embedded.errors import FolderInUseError

POLL_WAIT_S = 0.05


async def lock_folder(folder: Path, *, wait_s_max: float) -> int:
    """Take the folder's lock and return its file descriptor; the caller hands it to the server.

    The kernel ties the lock to the open file, which the server inherits: there is no stale lock
    after `kill -9`, and a server that outlives its parent for a moment still keeps others out.
    Raises `FolderInUseError` when the lock is not free within `wait_s_max`.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s_max
    try:
        while not _locked(descriptor):
            _check_wait(deadline, folder, descriptor)
            await asyncio.sleep(POLL_WAIT_S)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_wait(deadline: float, folder: Path, descriptor: int) -> None:
    if time.monotonic() >= deadline:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        raise FolderInUseError(folder, holder)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def name_holder(descriptor: int, pid: int) -> None:
    """Write the server's process id into the lock file, for the error that others will read."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{pid}\n".encode(), 0)
