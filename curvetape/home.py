"""The folder that holds everything one running Curvetape keeps, and the lock on it."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Chain: TypeAlias = Literal["live", "simulated", "recorded"]


class HomeInUseError(RuntimeError):
    """Another Curvetape runs on the same folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(
            f"{folder} is in use by process {pid}; stop that one, or give this one a folder of "
            "its own with --home or CURVETAPE_HOME"
        )
        self.folder = folder


class OtherChainError(RuntimeError):
    """The folder's log was written from another chain than the one that is asked for."""

    def __init__(self, folder: Path, differing: Mapping[str, tuple[object, object]]) -> None:
        sentence = ", ".join(
            f"{name} was {asked}, there it is {'left open' if held is None else held}"
            for name, (held, asked) in differing.items()
        )
        super().__init__(
            f"{folder} holds another chain: {sentence}; ask for what is there, or give this one a "
            "folder of its own with --home or CURVETAPE_HOME"
        )
        self.folder = folder


class Home:
    """One folder per chain, so that a recorded or simulated market never meets a live one's log."""

    def __init__(self, root: Path, chain: Chain) -> None:
        self.folder = (root / chain).absolute()
        self.logs = self.folder / "logs"
        self.chain_file = self.folder / "chain.json"
        self.processes_file = self.folder / "processes.json"
        self.addresses_file = self.folder / "addresses.json"

    def data(self, of: str) -> Path:
        """The folder of one server's or process's data."""
        return self.folder / of

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; `HomeInUseError` if another process does. Ends with the process.

        What a killed one noted of itself is forgotten, so that nobody follows it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise HomeInUseError(self.folder, lock.read().strip()) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.processes_file.unlink(missing_ok=True)
            self.addresses_file.unlink(missing_ok=True)
            yield

    def claim(self, identity: Mapping[str, object]) -> None:
        """Keep the folder to one chain: raises `OtherChainError` for one with another identity.

        What is left open here, as None, fits whatever is there.
        """
        if not self.chain_file.exists():
            _replace(self.chain_file, identity)
            return
        held = msgspec.json.decode(self.chain_file.read_bytes(), type=dict[str, object])
        if differing := {
            name: (held[name], asked)
            for name, asked in identity.items()
            if asked is not None and name in held and held[name] != asked
        }:
            raise OtherChainError(self.folder, differing)

    def note_processes(self, pids: Mapping[str, int]) -> None:
        """Write which process plays which part, for people and tools that look from outside."""
        _replace(self.processes_file, pids)

    def note_addresses(self, addresses: Mapping[str, str]) -> None:
        """Write where everything is; with the database's password, so for the owner only."""
        _replace(self.addresses_file, addresses)


def _replace(file: Path, content: Mapping[str, object]) -> None:
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    fresh.replace(file)
