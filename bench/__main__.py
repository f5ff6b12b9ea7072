"""`python -m bench NAME`: run one benchmark; the last line printed is its result as JSON."""

import importlib
import sys

import msgspec

from bench.machine import machine
from bench.result import RefusedError, Result

BENCHMARKS = {
    "api": "bench.api.benchmark",
    "append": "bench.append.benchmark",
    "decode": "bench.decode.benchmark",
    "ingest": "bench.ingest.benchmark",
    "log-growth": "bench.log_growth.benchmark",
    "project": "bench.project.benchmark",
    "rebuild": "bench.rebuild.benchmark",
    "recorder": "bench.recorder.benchmark",
    "sockets": "bench.sockets.benchmark",
}
"""The module behind each name; its `run()` gives a `Result`."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the only argument names; 2 when there is none of that name.

    1 when the machine, or what was asked for, does not allow it.
    """
    if len(arguments) != 1 or arguments[0] not in BENCHMARKS:
        names = ", ".join(sorted(BENCHMARKS))
        print(f"usage: python -m bench NAME, with NAME one of: {names}", file=sys.stderr)
        return 2
    try:
        measured: Result = importlib.import_module(BENCHMARKS[arguments[0]]).run()
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    print(msgspec.json.encode(measured.document() | {"machine": machine()}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
