"""A server that is measured, in a process of its own: started, waited for, ended."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from bench.result import RefusedError, say
from bench.worker import ROOT
from curvetape.config import Settings, environment

START_WAIT_S_MAX = 30.0
STOP_WAIT_S_MAX = 15.0
SHOWN_BYTES_MAX = 2_000


@contextmanager
def curvetape_serve(settings: Settings) -> Iterator[int]:
    """`curvetape serve` with these settings and no others; the id of its process."""
    url = f"http://127.0.0.1:{settings.api_port}/healthz"
    command = [sys.executable, "-m", "curvetape", "serve"]
    with running(command, url, variables=environment(settings)) as pid:
        yield pid


@contextmanager
def running(
    command: list[str], url: str, *, variables: Mapping[str, str] | None = None
) -> Iterator[int]:
    """A server once it answers at `url`; the id of its process.

    Raises `RefusedError`, with the last of what the server said, when it does not answer. What it
    said is told, too, when whatever is done with it fails.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | dict(variables or {}), stdout=said, stderr=said
        )
        try:
            _until_answers(process, command, url, said)
            try:
                yield process.pid
            except BaseException:
                say(f"{' '.join(command)} said last:\n{_last(said)}")
                raise
        finally:
            process.terminate()
            end(process)


def end(process: "subprocess.Popen[Any]") -> None:
    """Wait for a process that was told to end; kill it if it does not."""
    try:
        process.wait(STOP_WAIT_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until_answers(
    process: "subprocess.Popen[bytes]", command: list[str], url: str, said: IO[bytes]
) -> None:
    until_s = time.monotonic() + START_WAIT_S_MAX
    while True:
        try:
            with urllib.request.urlopen(url, timeout=START_WAIT_S_MAX):
                return
        except OSError as error:
            ended = process.poll() is not None
            if ended or time.monotonic() > until_s:
                why = "ended before it answered" if ended else f"did not answer: {error}"
                raise RefusedError(f"{' '.join(command)} {why}\n{_last(said)}") from error
            time.sleep(0.1)


def _last(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - SHOWN_BYTES_MAX))
    return said.read().decode(errors="replace").strip() or "It said nothing."
