"""A process that is asked in JSON lines while its event loop does something else."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any


async def answer_lines(answer: Callable[[dict[str, Any]], Awaitable[object]]) -> None:
    """Answer each line on stdin with one on stdout, until stdin ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(json.loads(line))), flush=True)
