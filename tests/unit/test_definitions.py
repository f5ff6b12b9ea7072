"""The log's definitions: found, complete, and refused when they are not."""

import tomllib
from pathlib import Path

import pytest

from adapters.jetstream.definition import DefinitionError, load
from adapters.jetstream.patience import RETRY_S_MAX
from curvetape.definitions import definitions
from domain import events


def test_the_folder_holds_the_server_and_the_streams() -> None:
    assert (definitions() / "server.conf").is_file()
    assert [it.name for it in load(definitions() / "streams.toml")] == [
        "PUMP",
        "DEAD",
        "USERS",
    ]


def test_every_event_is_stored_by_the_stream_of_the_chain() -> None:
    pump = load(definitions() / "streams.toml")[0]
    assert pump.subjects == ["pump.>"]
    for kind in events.AnyEvent.__args__:
        assert kind.subject_root.startswith("pump.")


def test_the_server_remembers_ids_for_longer_than_an_append_is_retried() -> None:
    for stream in load(definitions() / "streams.toml"):
        assert stream.duplicate_window > RETRY_S_MAX


@pytest.mark.parametrize("change", ["missing", "unknown", "wrong"])
def test_a_definition_that_is_not_one_is_refused_by_the_name_of_its_field(
    tmp_path: Path, change: str
) -> None:
    text = (definitions() / "streams.toml").read_text()
    changed = {
        "missing": text.replace("allow_direct = true\n", "", 1),
        "unknown": text.replace("allow_direct = true", "allow_directt = true\nallow_direct = true"),
        "wrong": text.replace("allow_direct = true", 'allow_direct = "yes"'),
    }[change]
    assert tomllib.loads(changed) != tomllib.loads(text)
    path = tmp_path / "streams.toml"
    path.write_text(changed)
    with pytest.raises(DefinitionError, match="allow_direct"):
        load(path)


def test_a_missing_file_is_a_definition_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"nowhere\.toml defines no streams"):
        load(tmp_path / "nowhere.toml")
