"""A disk that can lose what was not synced: `python -m curvetape.testing.disk FOLDER COMMAND…`.

Runs a server and keeps in FOLDER, beside the files that it writes, what of each of them was synced.
`lose_unsynced` then makes of the files what a power loss would have left.
"""

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from curvetape.testing import syncing

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""
_ALWAYS = ".always"


class Disk:
    """Notes what is synced of files, by their inodes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        """Files that are kept open, so that no other one gets the inode of one that is removed."""

    def syncing(self, path: str) -> Callable[[], None]:
        """Copy a file as it is before the sync, and have the copy count once that is done."""
        inode = self._hold(Path(path))
        if inode is None:
            return lambda: None
        unfinished, synced = self._folder / f"{inode}.unfinished", self._folder / inode
        shutil.copyfile(path, unfinished)

        def done() -> None:
            unfinished.replace(synced)

        return done

    def opened(self, path: str) -> None:
        """Note a file that is synced with each write."""
        if (inode := self._hold(Path(path))) is not None:
            (self._folder / (inode + _ALWAYS)).touch()

    def _hold(self, path: Path) -> str | None:
        """The inode of a regular file, which stays its own."""
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        inode = str(found.st_ino)
        if inode not in self._held:
            self._held[inode] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return inode


def lose_unsynced(files: Path, folder: Path, *, torn: Random | None = None) -> int:
    """Leave of files what was synced, as a disk's `folder` says; how many bytes were not.

    Their server must have been killed. What a disk has begun to write it may have written in part
    and in any order: with `torn` some sectors of what was not synced are there, the others are as
    they were, or zeros. The names of files are kept: a journal has them in order, and the sync of
    a file goes through it.
    """
    lost = 0
    left: dict[str, bytes] = {}
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        inode, written = str(path.stat().st_ino), path.read_bytes()
        copy = folder / inode
        left[inode] = written
        if (folder / (inode + _ALWAYS)).exists():
            continue
        synced = copy.read_bytes() if copy.exists() else b""
        if written != synced:
            lost += abs(len(written) - len(synced))
            left[inode] = synced if torn is None else _torn(synced, written, torn)
            path.write_bytes(left[inode])
    for each in folder.iterdir():
        each.unlink()
    for inode, content in left.items():  # all that survived is on the disk
        (folder / inode).write_bytes(content)
    return lost


def _torn(synced: bytes, written: bytes, chance: Random) -> bytes:
    """Of the sectors that differ some as written, the others as synced, or zeros."""
    left = bytearray(synced.ljust(len(written), b"\0"))
    for at in range(0, len(left), SECTOR_BYTES):
        if chance.random() < 0.5:
            end = at + SECTOR_BYTES
            left[at:end] = written[at:end]
    return bytes(left)


if __name__ == "__main__":
    raise SystemExit(syncing.run(sys.argv[2:], Disk(Path(sys.argv[1]))))
