"""An archive in a local folder: files that are there whole, and stay there after a power loss."""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from domain.archive import (
    AlreadySealedError,
    ArchiveDamagedError,
    ArchiveInUseError,
    ArchiveUnavailableError,
)

LOCK = ".lock"
UNFINISHED = ".unfinished-"
"""How the names of files begin that are being written, or whose writer was killed."""


class FolderStore:
    """Fits `domain.archive.ArchiveStore`; the folder is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def names(self, folder: str) -> Sequence[str]:
        """The names of all whole files in the folder, sorted; none where it does not exist."""
        try:
            found = sorted(path.name for path in (self._folder / folder).iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArchiveUnavailableError(f"the archive could not be listed: {error}") from error
        return [f"{folder}/{name}" for name in found if not name.startswith(".")]

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            raise ArchiveDamagedError(name, "is missing") from error
        except OSError as error:
            raise ArchiveUnavailableError(f"the archive could not be read: {error}") from error

    def put_new(self, name: str, content: bytes) -> None:
        """Write a file that must not exist yet."""
        self._write(name, content, new=True)

    def put(self, name: str, content: bytes) -> None:
        """Write a file, whether or not it exists."""
        self._write(name, content, new=False)

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Be the only sealer for as long as the block runs, also if others are killed.

        What killed ones left unfinished is removed first. Raises `ArchiveInUseError`.
        """
        try:
            _make(self._folder)
            descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ArchiveUnavailableError(f"the archive cannot be written: {error}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ArchiveInUseError(self.address) from error
            for path in self._folder.glob(f"*/{UNFINISHED}*"):
                path.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def _write(self, name: str, content: bytes, *, new: bool) -> None:
        path = self._folder / name
        unfinished = path.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}")
        try:
            _make(path.parent)
            try:
                _write_durably(unfinished, content)
                if new:
                    _link(unfinished, path, name)
                else:
                    unfinished.replace(path)
                _sync(path.parent)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise ArchiveUnavailableError(f"{name} was not written: {error}") from error


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link(unfinished: Path, path: Path, name: str) -> None:
    """Give a file its name; unlike a rename this takes no other file's place."""
    try:
        os.link(unfinished, path)
    except FileExistsError as error:
        raise AlreadySealedError(name) from error


def _make(folder: Path) -> None:
    """Make a folder and its parents, each durably in the one above."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
