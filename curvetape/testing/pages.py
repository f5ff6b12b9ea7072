"""A page in a real Chromium, by way of Node's playwright."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from curvetape.testing.node import NODE, SCRIPTS, ScriptError

WAIT_S_MAX = 90.0
"""Chromium is unpacked when it is used for the first time."""


class Page:
    """What the script says of a page."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def told(self) -> dict[str, Any]:
        """What it says next: once the page has what was waited for."""
        assert self._process.stdout is not None
        async with asyncio.timeout(WAIT_S_MAX):
            line = await self._process.stdout.readline()
            if not line:
                assert self._process.stderr is not None
                said = (await self._process.stderr.read()).decode()
                raise ScriptError("page.mjs", await self._process.wait(), said)
        told: dict[str, Any] = msgspec.json.decode(line)
        return told


@asynccontextmanager
async def opened(url: str, **asked: object) -> AsyncIterator[Page]:
    """The page at an address; `asked` is what `tests/npm/page.mjs` takes."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        SCRIPTS / "page.mjs",
        msgspec.json.encode({"url": url, **asked}).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Page(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
