"""Whether anchorpy can take part: it has to read the programs' interfaces first."""

import subprocess
from pathlib import Path

from bench import isolated
from bench.node import PACKAGES
from bench.result import say

INTERFACES = PACKAGES / "node_modules" / "@pump-fun" / "pump-sdk" / "src" / "idl"
_SIDE = Path(__file__).resolve().parent / "anchorpy_side.py"


def verdict() -> dict[str, str]:
    """Per interface file `read`, or anchorpy's own last word; `version` is what was tried."""
    interpreter = isolated.python("anchorpy")
    said = {}
    for interface in ("pump.json", "pump_amm.json"):
        done = subprocess.run(
            [interpreter, "-I", _SIDE, INTERFACES / interface],
            capture_output=True,
            text=True,
            check=False,
        )
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        said[interface] = "read" if done.returncode == 0 else last
        said["version"] = done.stdout.strip()
        say(f"anchorpy, {interface}: {said[interface]}")
    return said
