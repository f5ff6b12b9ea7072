"""The names that nats-py keeps to itself and that `adapters.jetstream.connection` goes through."""

import inspect

from nats.aio.client import Client


def test_messages_pass_through_the_method_that_we_replace() -> None:
    """Were it renamed, our sinks would hear nothing."""
    parameters = list(inspect.signature(Client._process_msg).parameters)
    assert parameters == ["self", "sid", "subject", "reply", "data", "headers"]
    assert "self.nc._process_msg(sid, subject, reply, payload, hdr)" in inspect.getsource(
        inspect.getmodule(Client()._ps.parse)  # type: ignore[arg-type]  # it is a module
    )


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
