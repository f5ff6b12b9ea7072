"""`python -m bench NAME`: run one benchmark; the last line printed is its result as JSON."""

import importlib
import sys

import msgspec

from bench.machine import machine
from bench.result import Result

BENCHMARKS = {
    "append": "bench.append.benchmark",
    "decode": "bench.decode.benchmark",
    "ingest": "bench.ingest.benchmark",
    "recorder": "bench.recorder.benchmark",
}
"""The module behind each name; its `run()` gives a `Result`."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the only argument names; 2 when there is none of that name."""
    if len(arguments) != 1 or arguments[0] not in BENCHMARKS:
        names = ", ".join(sorted(BENCHMARKS))
        print(f"usage: python -m bench NAME, with NAME one of: {names}", file=sys.stderr)
        return 2
    measured: Result = importlib.import_module(BENCHMARKS[arguments[0]]).run()
    print(msgspec.json.encode(measured.document() | {"machine": machine()}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
