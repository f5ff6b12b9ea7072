"""What is installed is what was locked, wherever the installer fetches it from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from curvetape.testing.checkout import ROOT, files, name

REQUIREMENTS = sorted(
    path for path in files() if path.suffix == ".txt" and "requirements" in name(path)
)
LOCKS = [path for path in files() if path.name == "package-lock.json"]


def loose(text: str) -> list[str]:
    """Requirements without an exact version and a hash, and lines that name a place."""
    lines = text.replace("\\\n", " ").splitlines()
    return [
        line.split("--hash")[0].strip()
        for line in lines
        if line.strip()
        and not line.startswith("#")
        and (
            not re.match(r"[\w.-]+(\[[\w,-]+\])?==[^\s;]+[\s;]", line)
            or "--hash=sha256:" not in line
        )
    ]


def places(lock: Any) -> list[str]:
    """Packages of an npm lock that name where they came from, or lack their hash."""
    return [
        package
        for package, entry in lock["packages"].items()
        if package and ("resolved" in entry or "integrity" not in entry)
    ]


def _normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[=<>;~!]", requirement)[0]).lower()


def unpinned(wanted: list[str], pins: str) -> set[str]:
    """Packages that are asked for and that the compiled file does not have."""
    have = {_normal(line) for line in pins.splitlines() if re.match(r"[\w.-]+", line)}
    return {_normal(one) for one in wanted} - have


def _pinned(file: str) -> str:
    return (ROOT / "requirements" / file).read_text()


@pytest.mark.parametrize("path", REQUIREMENTS, ids=name)
def test_each_requirement_has_its_version_and_hash_and_no_place(path: Path) -> None:
    assert loose(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "click",
        "click>=8 --hash=sha256:00",
        "click==8.1",
        "--index-url https://mirror.example/simple",
        "--find-links wheels --hash=sha256:00",
        "click @ https://example.com/click.whl --hash=sha256:00",
    ],
)
def test_a_loose_requirement_is_noticed(line: str) -> None:
    assert len(loose(f"falcon==4.4.0 \\\n    --hash=sha256:00\n{line}\n")) == 1


@pytest.mark.parametrize("path", LOCKS, ids=name)
def test_no_npm_lock_names_the_host_it_was_made_with(path: Path) -> None:
    assert places(msgspec.json.decode(path.read_bytes())) == []


@pytest.mark.parametrize("entry", [{"resolved": "https://x/y.tgz", "integrity": "sha512-0"}, {}])
def test_an_npm_package_with_a_place_or_without_a_hash_is_noticed(entry: dict[str, str]) -> None:
    assert places({"packages": {"": {}, "node_modules/a": entry}}) == ["node_modules/a"]


@pytest.mark.parametrize("path", LOCKS, ids=name)
def test_npm_is_told_to_leave_hosts_out_wherever_it_locks(path: Path) -> None:
    """The `.npmrc` in the root of the repository is not read in the folders below it."""
    assert "omit-lockfile-registry-resolved=true" in (path.parent / ".npmrc").read_text()


def test_everything_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run = project["project"]["dependencies"] + groups["build"]
    assert unpinned(run, _pinned("run.txt")) == set()
    assert unpinned(run + groups["dev"], _pinned("dev.txt")) == set()


def test_a_package_without_a_pin_is_noticed() -> None:
    assert unpinned(["nats-py", "Falcon[test]>=4"], "nats_py==2.16.0 \\\n") == {"falcon"}


def test_run_and_development_agree_on_every_version() -> None:
    run, dev = (
        set(re.findall(r"^[\w.-]+==[^\s;]+", _pinned(file), re.MULTILINE))
        for file in ("run.txt", "dev.txt")
    )
    assert run - dev == set()
