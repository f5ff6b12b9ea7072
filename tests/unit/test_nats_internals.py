"""The names that nats-py keeps to itself and that `connection` and `frames` go through."""

import inspect

from nats.aio.client import Client
from nats.protocol.parser import Parser


def test_what_is_read_passes_through_the_parser_that_we_replace() -> None:
    """Were it renamed, our sinks would hear nothing."""
    assert type(Client()._ps) is Parser
    assert "await self._ps.parse(b)" in inspect.getsource(Client._read_loop)
    assert inspect.iscoroutinefunction(Parser.parse)
    assert list(inspect.signature(Parser.parse).parameters) == ["self", "data"]
    assert list(inspect.signature(Parser.reset).parameters) == ["self"]
    assert list(inspect.signature(Parser.__init__).parameters) == ["self", "nc"]


def test_frames_are_written_through_the_methods_that_we_call() -> None:
    assert list(inspect.signature(Client._send_command).parameters)[:2] == ["self", "cmd"]
    assert "force_flush" in inspect.signature(Client._flush_pending).parameters
    assert inspect.iscoroutinefunction(Client._send_command)
    assert inspect.iscoroutinefunction(Client._flush_pending)


def test_a_client_holds_what_we_look_at() -> None:
    client = Client()
    assert client._subs == {}
    assert client._server_info == {}
    assert client._transport is None
