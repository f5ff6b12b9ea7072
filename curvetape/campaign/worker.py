"""Runs the schedules whose seeds it reads on standard input; answers each with one line of JSON."""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path

import msgspec

from curvetape.campaign.running import run
from curvetape.testing.servers import nats_in


async def main() -> None:
    """Until standard input ends; the schedules share one NATS server."""
    with tempfile.TemporaryDirectory(prefix="curvetape-") as folder:
        async with nats_in(Path(folder) / "nats") as nats:
            while line := await asyncio.to_thread(sys.stdin.readline):
                outcome = await run(int(line), nats)
                gc.collect()  # an ingest that was made to crash is a heap of cycles, collected late
                print(msgspec.json.encode(outcome).decode(), flush=True)  # noqa: T201  # its answer


if __name__ == "__main__":
    asyncio.run(main())
