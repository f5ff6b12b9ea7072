"""Runs the schedules whose seeds it reads on standard input; answers each with one line of JSON."""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path

import msgspec

from curvetape.campaign.running import run
from curvetape.testing.servers import nats_in

COLLECTED_EVERY = 16
"""Runs after which garbage is collected: an ingest that was made to crash is a heap of cycles, and
Python by itself looks at them too late."""


async def main() -> None:
    """Until standard input ends; the schedules share one NATS server."""
    with tempfile.TemporaryDirectory(prefix="curvetape-") as folder:
        async with nats_in(Path(folder) / "nats") as nats:
            runs = 0
            while line := await asyncio.to_thread(sys.stdin.readline):
                outcome = await run(int(line), nats)
                runs += 1
                if runs % COLLECTED_EVERY == 0:
                    gc.collect()
                print(msgspec.json.encode(outcome).decode(), flush=True)  # noqa: T201  # its answer


if __name__ == "__main__":
    asyncio.run(main())
