"""Forks an ingest for each order that it reads on its standard input, one line of JSON each.

It has imported everything before, so that an ingest is there within milliseconds. It answers
`born PID`, `said …` for whatever an ingest says, and `ended PID` when one ends, by itself or not.
"""

import asyncio
import ctypes
import os
import select
import signal
import sys
import traceback
from typing import Never

import msgspec

from curvetape.campaign.keeping import Order, keep_ingesting

POLL_WAIT_S = 0.02
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Until standard input ends; what was forked ends too."""
    children: set[int] = set()
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], POLL_WAIT_S if children else None)
        if readable:
            read = os.read(0, 65_536)
            if not read:
                break
            *lines, waiting = (waiting + read).split(b"\n")
            children |= {_born(msgspec.json.decode(line, type=Order)) for line in lines}
        for pid in tuple(children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                children.remove(pid)
                _write(f"ended {pid}")
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _born(order: Order) -> int:
    pid = os.fork()
    if not pid:
        _live(order)
    _write(f"born {pid}")
    return pid


def _live(order: Order) -> Never:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        asyncio.run(keep_ingesting(order, lambda what: _write(f"said {what}")))
    finally:
        if (broken := sys.exception()) is not None:
            _write(f"said ingest broke: {traceback.format_exception(broken)!r}")
        os._exit(1)  # nothing of the parent's is to be tidied up here


def _write(line: str) -> None:
    text = line.replace("\n", " ") + "\n"
    os.write(1, text.encode())


if __name__ == "__main__":
    main()
