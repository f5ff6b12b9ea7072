"""Processes that answer together: what cannot be started is tried again, and what fails is said."""

import asyncio
from asyncio.subprocess import Process

import pytest
from click.testing import CliRunner

from adapters.embedded.ports import free_port
from curvetape import workers
from curvetape.cli import serve
from curvetape.workers import Workers, listening_on


async def test_a_worker_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "RESTART_WAIT_S_MIN", 0.0)
    said: list[str] = []
    stop = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            stop.set()

    class Full(Workers):
        async def _start(self) -> Process:
            raise BlockingIOError(11, "Resource temporarily unavailable")

    with listening_on("127.0.0.1", 0) as shared:
        async with asyncio.timeout(10):
            await Full(1, shared, {}, say).run(stop)
    assert said[0].startswith("worker 1 could not be started: [Errno 11]")


def test_an_address_of_another_machine_is_named() -> None:
    port = str(free_port())
    asked = ["--host", "203.0.113.1", "--port", port, "--workers", "2"]
    result = CliRunner().invoke(serve.command, asked)
    assert result.exit_code == 1
    assert f"203.0.113.1:{port} cannot be listened on" in result.output
    assert "CURVETAPE_API_HOST" in result.output
