"""Snapshots of the market on disk: written whole or not at all, checked when they are read."""

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from curvetape.simulator.state import State

RETAINED_SLOTS = 200
"""How far back blocks can be made again, at most."""

_MAGIC = b"curvetape market 1\n"
_SUFFIX = ".snapshot"
_log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


class DamagedSnapshotError(ValueError):
    """A file that is not the whole of what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the market's snapshot {path} is damaged: {reason}")
        self.path = path
        self.reason = reason


class Snapshots(Protocol):
    """Where a market's states are kept."""

    def save(self, state: State) -> None:
        """Keep a state, and drop those that are too old to matter."""
        ...

    def newest(self) -> Iterator[State]:
        """Readable states, the newest first."""
        ...


class MemorySnapshots:
    """States of a market that ends with its process."""

    def __init__(self) -> None:
        self._payloads: dict[int, bytes] = {}

    def save(self, state: State) -> None:
        """Keep a state, and drop those that are too old to matter."""
        self._payloads[state.slot] = _encoder.encode(state)
        for slot in superfluous(self._payloads):
            del self._payloads[slot]

    def newest(self) -> Iterator[State]:
        """All states, the newest first."""
        for slot in sorted(self._payloads, reverse=True):
            yield _decoder.decode(self._payloads[slot])


class FolderSnapshots:
    """States in one folder, a file each, named by slot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, state: State) -> None:
        """Keep a state: when this returns, it is on disk, whatever happens next."""
        payload = _encoder.encode(state)
        path = self._folder / f"{state.slot:012}{_SUFFIX}"
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        self._sync_folder()
        for slot in superfluous(self._paths()):
            self._paths()[slot].unlink()

    def newest(self) -> Iterator[State]:
        """Readable states, the newest first; damaged files are logged and put aside."""
        paths = self._paths()
        for slot in sorted(paths, reverse=True):
            try:
                yield read(paths[slot])
            except DamagedSnapshotError as damage:
                aside = paths[slot].with_suffix(".damaged")
                paths[slot].replace(aside)
                _log.warning("%s; it is now %s, and an older one is used", damage, aside.name)

    def _paths(self) -> dict[int, Path]:
        paths = self._folder.glob(f"*{_SUFFIX}")
        return {int(path.stem): path for path in paths if path.stem.isdecimal()}

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path) -> State:
    """A state from its file; `DamagedSnapshotError` when it is not whole."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise DamagedSnapshotError(path, "it does not begin as a snapshot does")
    digest, payload = data[len(_MAGIC) :][:32], data[len(_MAGIC) + 32 :]
    if hashlib.sha256(payload).digest() != digest:
        raise DamagedSnapshotError(path, "its checksum is wrong")
    try:
        return _decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise DamagedSnapshotError(path, f"it has another version's form ({error})") from error


def superfluous(slots: dict[int, bytes] | dict[int, Path]) -> list[int]:
    """The slots whose states nobody needs: the oldest of all stays, as the way back to genesis."""
    ordered = sorted(slots)
    boundary = ordered[-1] - RETAINED_SLOTS
    past = [slot for slot in ordered if slot <= boundary]
    return past[1:-1]
