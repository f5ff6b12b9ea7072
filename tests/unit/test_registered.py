"""Read models from outside are found by name or entry point; what is none is refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import read_models, read_models_of
from curvetape.config import Settings
from curvetape.registered import RegistrationError

MODULE = """
from adapters.postgres.table_store import Table, TableStore
from projections.projection import host

class Core:
    name, version = "{name}", 1

    def apply(self, batch):
        return []

class Store(TableStore):
    name, version, tables = "{kept}", 1, (Table("{table}", {{"mint": "text"}}, key=("mint",)),)

def make(connections):
    return host(Core(), Store(connections))

value = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("strange", "failing"):
        sys.modules.pop(name, None)


def write(
    folder: Path, *, name: str = "strange", kept: str | None = None, table: str = "t"
) -> None:
    (folder / "strange.py").write_text(MODULE.format(name=name, kept=kept or name, table=table))


def names(projections: str | None) -> list[str]:
    models = read_models_of(Settings(projections=projections))
    return [it.projection.name for it in models(NO_CONNECTIONS)]


OURS = [it.projection.name for it in read_models(NO_CONNECTIONS)]


def test_without_any_there_are_ours() -> None:
    assert names(None) == OURS


def test_one_is_registered_by_module_and_attribute(folder: Path) -> None:
    write(folder)
    assert names("strange:make") == [*OURS, "strange"]


def test_one_is_registered_by_the_entry_point_of_an_installed_package(folder: Path) -> None:
    write(folder)
    metadata = folder / "strange-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[curvetape.projections]\na = strange:make\n")
    assert names(None) == [*OURS, "strange"]
    (metadata / "entry_points.txt").write_text("[curvetape.projections]\na = strange:gone\n")
    with pytest.raises(RegistrationError, match=r"the entry point 'a' cannot be loaded: .*gone"):
        names(None)


@pytest.mark.parametrize(
    ("registered", "reason"),
    [
        ("strange", "takes module:attribute"),
        ("nowhere:make", "cannot be imported: No module named 'nowhere'"),
        ("strange:gone", "cannot be imported: .*has no attribute 'gone'"),
        ("failing:make", "cannot be imported: "),
        ("strange:value", "has to be a function of connections"),
        ("strange:Core", "has to be a function of connections"),
        ("strange:make,strange:make", "strange: there is another read model of this name"),
    ],
)
def test_what_is_no_read_model_is_refused(folder: Path, registered: str, reason: str) -> None:
    write(folder)
    (folder / "failing.py").write_text("def make(\n")
    with pytest.raises(RegistrationError, match=reason):
        names(registered)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "Launches per hour"}, "lower-case letters"),
        ({"name": "candles"}, "candles: there is another read model of this name"),
        ({"name": "leaderboards"}, "there is another read model of this name"),
        ({"table": "trades"}, "its table trades is that of trades"),
        ({"kept": "other"}, "its store says that it keeps other, version 1"),
    ],
)
def test_what_gets_in_the_way_of_others_is_refused(
    folder: Path, given: dict[str, str], reason: str
) -> None:
    write(folder, **given)
    with pytest.raises(RegistrationError, match=reason):
        names("strange:make")
