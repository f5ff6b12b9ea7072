"""What a benchmark says when a server that it wants to measure does not start."""

import sys
import urllib.error
import urllib.request

import pytest

from adapters.embedded.ports import free_port
from bench.result import RefusedError
from bench.serving import running


def test_a_server_that_ends_at_once_is_told_with_its_own_words() -> None:
    command = [sys.executable, "-c", "raise SystemExit('the disk is full')"]
    with (
        pytest.raises(RefusedError, match=r"ended before it answered\nthe disk is full"),
        running(command, f"http://127.0.0.1:{free_port()}/"),
    ):
        pass


def test_what_a_server_said_is_told_when_measuring_it_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with (
        pytest.raises(RefusedError, match="lost"),
        running(command, f"http://127.0.0.1:{port}/"),
    ):
        raise RefusedError("lost")
    assert '"GET / HTTP/1.1" 200' in capsys.readouterr().err


def test_a_server_runs_until_it_is_left() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with running(command, url), urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)
