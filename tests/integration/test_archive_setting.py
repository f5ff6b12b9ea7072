"""`CURVETAPE_ARCHIVE_URL` stands in wherever `--archive` is not given, and is refused at once."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from solders.signature import Signature

from adapters.archive.folder import FolderStore
from curvetape.cli import main
from curvetape.config import Settings, load
from curvetape.home import Home
from curvetape.testing.archives import sealed, stored
from curvetape.testing.certified import certified
from curvetape.testing.events import curve_traded
from curvetape.up import roles_of

VARIABLE = "CURVETAPE_ARCHIVE_URL"
SIGNATURE = str(Signature(bytes([7]) * 64))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive = tmp_path / "archive"
    trades = [curve_traded(slot, "mint", id=f"{SIGNATURE}:{slot}.0") for slot in range(1, 6)]
    sealed(FolderStore(archive), stored(certified(trades)))
    return archive


def command(*arguments: str, archive: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env={VARIABLE: archive})


def test_each_command_reads_the_archive_that_is_configured(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "replayed"
    listed = command("archive", "list", "--json", archive=str(folder))
    assert [it["last_sequence"] for it in json.loads(listed.stdout)] == [10]
    assert command("archive", "verify", archive=str(folder)).exit_code == 0
    assert command("archive", "fetch", f"{tmp_path}/copy", archive=str(folder)).exit_code == 0
    assert command("replay", "--output", str(output), archive=str(folder)).exit_code == 0
    assert len(output.read_bytes().splitlines()) == 10
    explained = command("explain", SIGNATURE, "--json", archive=str(folder))
    assert json.loads(explained.stdout)["signature"] == SIGNATURE


def test_an_option_goes_before_the_setting(folder: Path) -> None:
    listed = command("archive", "list", "--archive", str(folder), "--json", archive="/nowhere")
    assert len(json.loads(listed.stdout)) == 1


def test_without_either_it_is_said_what_to_give() -> None:
    refused = command("archive", "verify")
    assert (refused.exit_code, VARIABLE in refused.stderr) == (2, True)


@pytest.mark.parametrize("given", ["archive", "s3://bucket/prefix", None])
def test_up_hands_the_archive_to_its_processes_which_run_in_another_folder(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    roles = roles_of(Settings(archive_url=given), Home(tmp_path, "live"), "live", {})
    expected = str(tmp_path / "archive") if given == "archive" else given
    assert {load(role.environment).archive_url for role in roles} == {expected}


@pytest.mark.parametrize("name", [["up"], ["archive", "list"], ["replay"], ["explain", SIGNATURE]])
def test_what_is_no_address_is_refused_before_anything_is_started(name: list[str]) -> None:
    refused = command(*name, archive="ftp://nowhere/archive")
    assert (refused.exit_code, "is no archive's address" in refused.stderr) == (2, True)
