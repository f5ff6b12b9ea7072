"""The project's own files, for tests that hold them to the rules of the house."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that the checkout is in."""

GENERATED = ("*_pb2.py*", "*_pb2_grpc.py*", "package-lock.json")
"""What tools write; rules about style are not for it."""


def files(root: Path = ROOT) -> list[Path]:
    """Every file that belongs to the project, in order: all but what `.gitignore` names."""
    lines = (root / ".gitignore").read_text().splitlines()
    ignored = [".git", *(line.rstrip("/") for line in lines if line and not line.startswith("#"))]
    return sorted(_walk(root, ignored))


def written() -> list[Path]:
    """Every file that no tool has generated."""
    return [path for path in files() if not any(fnmatch(path.name, name) for name in GENERATED)]


def modules() -> list[Path]:
    """Every Python file that people write."""
    return [path for path in written() if path.suffix == ".py"]


def texts() -> Iterator[tuple[Path, str]]:
    """Every written file that is text, with what it says."""
    for path in written():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def name(path: Path) -> str:
    """The path as one reads it, from the root of the project on."""
    return path.relative_to(ROOT).as_posix()


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, ignored)
        elif path.is_file():
            yield path
