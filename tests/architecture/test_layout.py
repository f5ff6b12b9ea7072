"""The tree is laid out so that our names stay ours and nats-py stays nats-py."""

import importlib
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import nats
import pytest

from curvetape.testing.checkout import ROOT, files, modules, name

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
NOT_SHIPPED = {"bench", "tests"}
EXAMPLES = "docs/examples/"
"""Programs for others to copy; nothing of ours imports them, and nobody by their names."""
SAME_NUMBER = {"0025_horizons.sql", "0025_search_descriptions.sql"}
"""Written at the same time, applied in many databases, and in no need of each other."""
KINDS = {"unit", "property", "faults", "integration", "interop", "e2e", "architecture"}


def misplaced(paths: list[str]) -> list[str]:
    """Python files where none may be: each would change what a name imports, or which."""
    found = []
    for path in paths:
        first, _, rest = path.partition("/")
        stray = first == "nats" or not rest or (first == "tests" and path.endswith("/__init__.py"))
        if path.endswith(".py") and stray:
            found.append(path)
    return found


def top_level_packages(paths: list[str]) -> set[str]:
    """Folders in the root that hold Python files."""
    ours = [path for path in paths if path.endswith(".py") and not path.startswith(EXAMPLES)]
    return {path.partition("/")[0] for path in ours if "/" in path}


def names_used_twice(paths: list[str]) -> list[str]:
    """File names that several test modules share."""
    found = Counter(path.rpartition("/")[2] for path in paths)
    return sorted(name for name, times in found.items() if times > 1 and name != "conftest.py")


def numbers_used_twice(migrations: list[str]) -> list[str]:
    """Numbers that several migrations begin with."""
    found = Counter(each.partition("_")[0] for each in migrations)
    return sorted(number for number, times in found.items() if times > 1)


def test_no_python_file_stands_where_it_would_shadow_a_package() -> None:
    assert misplaced([name(path) for path in files()]) == []


@pytest.mark.parametrize(
    "stray",
    [
        "nats/streams.py",
        "nats/__init__.py",
        "nats/examples/a/b.py",
        "nats.py",
        "tests/__init__.py",
        "tests/u/__init__.py",
    ],
)
def test_a_stray_python_file_is_noticed(stray: str) -> None:
    fine = ["nats/streams.toml", "docs/examples/a/b.py", "tests/unit/test_a.py", "domain/log.py"]
    assert misplaced([stray, *fine]) == [stray]


def test_the_wheel_lists_every_package_and_nothing_else() -> None:
    found = top_level_packages([name(path) for path in modules()])
    assert found - NOT_SHIPPED == set(PACKAGES)


def test_a_package_that_the_wheel_forgets_is_noticed() -> None:
    assert top_level_packages(["domain/log.py", "extra/__init__.py", "docs/examples/a/b.py"]) == {
        "domain",
        "extra",
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_a_regular_one(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()


def test_every_tool_knows_the_same_packages() -> None:
    tool = PROJECT["tool"]
    assert tool["importlinter"]["root_packages"] == PACKAGES
    assert tool["ruff"]["lint"]["isort"]["known-first-party"] == PACKAGES
    assert set(tool["mypy"]["files"]) == {*PACKAGES, *NOT_SHIPPED}


def test_tools_run_in_the_modes_that_the_layout_needs() -> None:
    """Other modes import a folder of tests for a package of ours, or check half the tree."""
    tool = PROJECT["tool"]
    pytest_options = tool["pytest"]["ini_options"]
    assert {"--import-mode=importlib", "--strict-markers", "--strict-config"} <= set(
        pytest_options["addopts"]
    )
    assert pytest_options["filterwarnings"] == ["error"]
    assert (tool["mypy"]["strict"], tool["mypy"]["explicit_package_bases"]) == (True, True)
    assert tool["ruff"]["lint"]["isort"]["known-third-party"] == ["nats"]


def test_an_application_with_generic_names_is_not_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


@pytest.mark.parametrize("package", PACKAGES)
def test_our_name_is_ours(package: str) -> None:
    """A stranger's distribution with a package of the same name would be imported instead."""
    found = importlib.import_module(package).__file__
    assert found is not None
    assert Path(found).resolve() == ROOT / package / "__init__.py"


def test_nats_is_the_client_and_not_our_folder() -> None:
    """Without nats-py, `import nats` would succeed with our folder of data."""
    assert callable(nats.connect)
    assert nats.__file__ is not None
    assert Path(nats.__file__).resolve().parent != ROOT / "nats"


def test_the_definitions_of_the_log_travel_in_the_wheel() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"nats": "curvetape/_nats"}


def test_no_two_migrations_share_a_number() -> None:
    """They are applied and noted by their whole names; but who reads a number looks for one."""
    names = [path.name for path in files() if path.parent.name == "schema"]
    assert len(names) > len(SAME_NUMBER)
    assert numbers_used_twice([each for each in names if each not in SAME_NUMBER]) == []


def test_a_number_that_two_migrations_share_is_noticed() -> None:
    assert numbers_used_twice(["0007_a.sql", "0008_b.sql", "0008_c.sql"]) == ["0008"]


def test_tests_are_sorted_by_kind() -> None:
    tests = [path.relative_to(ROOT / "tests") for path in files() if path.name.startswith("test_")]
    assert {path.parts[0] for path in tests if path.suffix == ".py"} <= KINDS


def test_no_two_test_modules_share_a_name() -> None:
    paths = [name(path) for path in modules()]
    assert names_used_twice([path for path in paths if path.startswith("tests/")]) == []


def test_a_name_that_is_used_twice_is_noticed() -> None:
    assert names_used_twice(["tests/unit/test_a.py", "tests/e2e/test_a.py"]) == ["test_a.py"]
