"""The streams on a real server beside their definitions, by function and by command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.embedded.nats import NatsServer
from adapters.jetstream import streams
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import Applied, Difference, StreamRefusedError
from curvetape.cli.streams import command
from curvetape.definitions import definitions
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entry
from curvetape.testing.servers import nats_in
from curvetape.testing.servers import run as run_in_loop

DEFINED = load(definitions() / "streams.toml")
NAMES = ("PUMP", "DEAD", "USERS")


async def test_applying_creates_once_and_then_changes_nothing(server_folder: Path) -> None:
    async with nats_in(server_folder) as server, await Connection.open(server.url) as connection:
        first = await streams.apply(connection, DEFINED)
        assert first == [Applied(name, "created") for name in NAMES]
        again = await streams.apply(connection, DEFINED)
        assert again == [Applied(name, "unchanged") for name in NAMES]
        assert await streams.diff(connection, DEFINED) == []


async def test_a_missing_stream_is_a_difference(server_folder: Path) -> None:
    async with nats_in(server_folder) as server, await Connection.open(server.url) as connection:
        assert await streams.diff(connection, DEFINED) == [
            Difference(name, "stream", "defined", None) for name in NAMES
        ]


async def test_drift_is_found_in_defined_fields_and_in_others(live_log: LiveLog) -> None:
    jetstream = live_log.connection.jetstream
    config = (await jetstream.stream_info("PUMP")).config
    await jetstream.update_stream(
        config, max_age=3_600.0, duplicate_window=30.0, allow_msg_ttl=True
    )
    assert await streams.diff(live_log.connection, DEFINED) == [
        Difference("PUMP", "max_age", None, 3_600.0),
        Difference("PUMP", "duplicate_window", 120.0, 30.0),
        Difference("PUMP", "allow_msg_ttl", None, True),
    ]


async def test_applying_sets_a_changed_field_right_and_keeps_the_events(live_log: LiveLog) -> None:
    event = curve_traded(1, "mint")
    await live_log.appender.append([entry(event)])
    jetstream = live_log.connection.jetstream
    config = (await jetstream.stream_info("PUMP")).config
    await jetstream.update_stream(config, duplicate_window=30.0, description="meddled with")
    applied = await streams.apply(live_log.connection, DEFINED)
    assert applied == [
        Applied(name, "updated" if name == "PUMP" else "unchanged") for name in NAMES
    ]
    assert await streams.diff(live_log.connection, DEFINED) == []
    assert [it.event for it in await live_log.all()] == [event]


async def test_a_change_that_the_server_refuses_is_named_with_its_reason(
    live_log: LiveLog, tmp_path: Path
) -> None:
    text = (definitions() / "streams.toml").read_text()
    changed = tmp_path / "streams.toml"
    changed.write_text(text.replace("deny_delete = true", "deny_delete = false"))
    with pytest.raises(StreamRefusedError, match="deny_delete: defined None, was True") as caught:
        await streams.apply(live_log.connection, load(changed))
    assert caught.value.stream == "PUMP"


async def test_nothing_in_the_log_can_be_deleted(live_log: LiveLog) -> None:
    await live_log.appender.append([entry(curve_traded(1, "mint"))])
    jetstream = live_log.connection.jetstream
    with pytest.raises(Exception, match="message delete not permitted"):
        await jetstream.delete_msg("PUMP", 1)
    with pytest.raises(Exception, match="stream purge not permitted"):
        await jetstream.purge_stream("PUMP")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output


@pytest.fixture
def bare_nats(server_folder: Path) -> Iterator[NatsServer]:
    server = nats_in(server_folder)
    run_in_loop(server.start())
    yield server
    run_in_loop(server.stop())


def test_the_command_line_applies_compares_and_lists(bare_nats: NatsServer) -> None:
    at = ("--url", bare_nats.url)
    code, output = run("diff", *at)
    assert code == 1
    assert "PUMP" in output
    assert run("apply", *at) == (0, "".join(f"{name} created\n" for name in NAMES))
    assert run("apply", *at) == (0, "".join(f"{name} unchanged\n" for name in NAMES))
    assert run("diff", *at) == (0, "the streams are as defined\n")
    assert run("diff", *at, "--json") == (0, "[]\n")
    code, output = run("list", *at, "--json")
    assert code == 0
    assert [(it["stream"], it["messages"]) for it in json.loads(output)] == [
        (name, 0) for name in sorted(NAMES)
    ]
    code, output = run("list", *at)
    assert code == 0
    assert "pump.>" in output


def test_the_command_line_says_which_server_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CURVETAPE_NATS_URL", raising=False)
    code, output = run("apply")
    assert code == 2
    assert "give --url or set CURVETAPE_NATS_URL" in output
