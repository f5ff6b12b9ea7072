"""A NATS server whose power fails, with a disk that keeps its word, or one that does not."""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

from adapters.embedded.nats import NatsServer
from curvetape.definitions import definitions
from curvetape.testing.disk import lose_unsynced


class PoweredNats(NatsServer):
    """Started on a disk that notes what is synced; `kill` is a power loss. Linux only."""

    def __init__(
        self, folder: Path, *, config: Path | None = None, torn: Random | None = None
    ) -> None:
        """`torn` draws which sectors of what was being written are there all the same."""
        super().__init__(folder, config=config or definitions() / "server.conf")
        self.lost_bytes = 0
        """How much was written and not synced, over all power losses."""
        self._torn = torn

    @property
    def store(self) -> Path:
        """Where the streams are."""
        return self.data_dir / "store"

    def kill(self) -> None:
        """Cut the power; harmless where the server does not run."""
        running = self.running
        super().kill()
        if running:
            self.lost_bytes += lose_unsynced(self.store, self._disk, torn=self._torn)

    @property
    def _disk(self) -> Path:
        return self.data_dir / "synced"

    def _command(self) -> Sequence[str]:
        self._disk.mkdir(exist_ok=True)
        disk = [sys.executable, "-m", "curvetape.testing.disk", str(self._disk)]
        return [*disk, *super()._command()]


def copied(server: NatsServer, folder: Path) -> None:
    """Copy the store of a server that writes to it meanwhile, file by file."""
    store = server.data_dir / "store"
    for found, _, names in os.walk(store):
        target = folder / Path(found).relative_to(store)
        target.mkdir(parents=True)
        for name in names:
            with suppress(FileNotFoundError):  # a batch's own files come and go
                shutil.copyfile(Path(found, name), target / name)


def put_back(server: NatsServer, folder: Path) -> None:
    """Kill a server and give it a copy of its store for its next start."""
    server.kill()
    store = server.data_dir / "store"
    shutil.rmtree(store)
    shutil.copytree(folder, store)
