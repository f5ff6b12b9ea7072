"""Imports point inward, and the contracts that say so would notice if one did not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curvetape.testing.checkout import ROOT

PACKAGES = ("domain", "commands", "projections", "adapters", "api", "ingest", "curvetape")
LINT_S_MAX = 60.0


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the `pyproject.toml` in `folder` against the packages beside it."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LINT_S_MAX,
        check=False,
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Our contracts over packages of the same names, with nothing in them."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    return tmp_path


def test_every_import_points_inward() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_packages_that_import_nothing_keep_the_contracts(skeleton: Path) -> None:
    assert lint_imports(skeleton).returncode == 0


@pytest.mark.parametrize(
    ("package", "imported"),
    [
        ("domain", "projections"),
        ("commands", "projections"),
        ("projections", "commands"),
        ("commands", "adapters"),
        ("adapters", "api"),
        ("adapters", "ingest"),
        ("api", "adapters"),
        ("api", "ingest"),
        ("ingest", "adapters"),
        ("ingest", "api"),
        ("adapters", "curvetape"),
        ("projections", "nats"),
        ("ingest", "grpc"),
        ("api", "asyncpg"),
        ("domain", "redis"),
        ("adapters", "falcon"),
    ],
)
def test_an_import_that_points_outward_is_noticed(
    skeleton: Path, package: str, imported: str
) -> None:
    (skeleton / package / "planted.py").write_text(f"import {imported}\n")
    linted = lint_imports(skeleton)
    assert linted.returncode == 1
    assert f"{package}.planted" in linted.stdout
