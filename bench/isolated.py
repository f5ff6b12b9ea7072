"""Python peers whose packages would not get along with ours, in an environment of their own."""

import subprocess
import sys
import venv
from pathlib import Path

from bench.result import say

HERE = Path(__file__).resolve().parent


def python(name: str) -> str:
    """The interpreter of the environment that `bench/requirements-<name>.txt` describes."""
    pinned = HERE / f"requirements-{name}.txt"
    folder = HERE / ".venv" / name
    done = folder / "installed.txt"
    interpreter = folder / "bin" / "python"
    if not (done.exists() and done.read_bytes() == pinned.read_bytes()):
        say(f"installing {name} into an environment of its own ...")
        venv.create(folder, with_pip=True, clear=True, symlinks=sys.platform != "win32")
        subprocess.run(
            [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--require-hashes", "--requirement", pinned],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        done.write_bytes(pinned.read_bytes())
    return str(interpreter)
