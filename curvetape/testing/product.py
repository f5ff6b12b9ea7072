"""The whole product as a child process, for tests that use it as its users do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.request import urlopen

import asyncpg

from adapters.embedded.ports import free_port
from domain.log import LogError

POLL_WAIT_S = 0.1
NOT_YET = (OSError, LogError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""How a product answers that has not started completely, or is starting again."""
START_WAIT_S_MAX = 90.0
STOP_WAIT_S_MAX = 60.0
ANSWER_WAIT_S_MAX = 10.0
READ_WAIT_S_MAX = 150.0
"""Longer than any of our readers goes on with a server that is away."""

T = TypeVar("T")


def answer_of(reading: Coroutine[Any, Any, T]) -> T:
    """What a reader of the product's servers returns; a failure that says where one hangs."""

    async def read() -> T:
        try:
            async with asyncio.timeout(READ_WAIT_S_MAX) as wait:
                return await reading
        except TimeoutError as error:
            if not wait.expired():
                raise
            raise AssertionError(f"no answer within {READ_WAIT_S_MAX:g} s") from error

    return asyncio.run(read())


class Product:
    """`with Product(folder, "--seed", "3") as product:` runs `curvetape up` on the folder."""

    def __init__(
        self, home: Path, *arguments: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self.port = free_port()
        self._arguments: Sequence[str] = arguments
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """All that `up` has said, over all its runs."""
        return (self.home / "up.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it; returns at once."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "curvetape", "up", "--home", str(self.home)]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CURVETAPE_")}
        with (self.home / "up.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command line
                [*command, "--port", str(self.port), *self._arguments],
                # A test asks for more in a second than anybody may.
                env={**clean, "CURVETAPE_API_RATE": "0", **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        assert self._process is not None, "start it first"
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_WAIT_S_MAX)

    def kill(self) -> None:
        """End it as `kill -9` does: its children have to notice by themselves."""
        assert self._process is not None, "start it first"
        self._process.kill()
        self._process.wait(STOP_WAIT_S_MAX)

    def processes(self) -> dict[str, int]:
        """The processes that it runs, by name; empty before the first has been started."""
        for file in self.home.glob("*/processes.json"):
            found: dict[str, int] = json.loads(file.read_bytes())
            return found
        return {}

    def addresses(self) -> dict[str, str]:
        """Where its servers are; raises `FileNotFoundError` before it says so."""
        for file in self.home.glob("*/addresses.json"):
            found: dict[str, str] = json.loads(file.read_bytes())
            return found
        raise FileNotFoundError(f"no addresses.json below {self.home} yet")

    def kill_one(self, name: str) -> None:
        """`kill -9` one of its processes or servers."""
        os.kill(self.processes()[name], signal.SIGKILL)

    def get(self, path: str) -> Any:
        """The JSON of a path of the API; raises `OSError` while it does not answer."""
        address = f"http://127.0.0.1:{self.port}{path}"
        with urlopen(address, timeout=ANSWER_WAIT_S_MAX) as answer:
            return json.loads(answer.read())

    def wait_for(
        self, what: str, done: Callable[[Self], bool], *, wait_s_max: float = START_WAIT_S_MAX
    ) -> None:
        """Wait until `done(product)`; not answering yet is not done yet."""
        deadline = time.monotonic() + wait_s_max
        while time.monotonic() < deadline:
            assert self._process is not None, "start it first"
            code = self._process.poll()
            assert code is None, f"up ended with code {code}:\n{self.output}"
            try:
                if done(self):
                    return
            except NOT_YET:
                pass
            time.sleep(POLL_WAIT_S)
        raise AssertionError(f"no {what} within {wait_s_max:g} s:\n{self.output}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
