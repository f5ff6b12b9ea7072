"""`CURVETAPE_ARCHIVE_URL` stands in wherever `--archive` is not given, and is refused at once."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from solders.signature import Signature

from adapters.archive.folder import FolderStore
from curvetape.cli import main
from curvetape.testing.archives import sealed, stored
from curvetape.testing.certified import certified
from curvetape.testing.events import curve_traded

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


@pytest.mark.parametrize("name", [["up"], ["archive", "list"], ["replay"], ["explain", SIGNATURE]])
def test_what_is_no_address_is_refused_before_anything_is_started(name: list[str]) -> None:
    refused = command(*name, archive="ftp://nowhere/archive")
    assert (refused.exit_code, "is no archive's address" in refused.stderr) == (2, True)
