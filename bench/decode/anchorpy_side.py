"""Run by the interpreter of anchorpy's own environment: ends well if it can read the interface."""

import sys
from importlib.metadata import version
from pathlib import Path

from anchorpy import Idl  # type: ignore[import-not-found]  # not in our own environment

print(f"anchorpy {version('anchorpy')}")
Idl.from_json(Path(sys.argv[1]).read_text())
