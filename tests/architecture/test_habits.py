"""The commands that everyone runs are there, and a change is checked by the same ones."""

import os
import re

import pytest

from curvetape.testing.checkout import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
CI = ROOT / ".ci" / "run"
TARGETS = ("up", "test", "campaign", "check", "bench", "fmt", "clean", "lock", "proto", "contract")


def recipe(makefile: str, target: str) -> str:
    """The commands of a target, with its line of prerequisites and help."""
    found = re.search(rf"^{target}:.*\n(?:\t.*\n?)*", makefile, re.MULTILINE)
    return "" if found is None else found[0]


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_there_is_phony_and_says_what_it_does(target: str) -> None:
    assert " ## " in recipe(MAKEFILE, target).splitlines()[0]
    phony = re.search(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert target in phony[1].split()


def test_a_recipe_ends_where_the_next_target_begins() -> None:
    assert recipe("a: b ## c\n\tdo\n\nd:\n\tmore\n", "a") == "a: b ## c\n\tdo\n"


@pytest.mark.parametrize(
    "step", ["ruff format --check", "ruff check", "mypy", "lint-imports", "tests/architecture"]
)
def test_check_runs_every_tool(step: str) -> None:
    assert step in recipe(MAKEFILE, "check")


def test_tests_run_without_the_checkout_before_everything_else() -> None:
    """`python -m pytest` would put it there, and so hide a stranger's package of our name."""
    assert "-m pytest" not in MAKEFILE
    assert "$(BIN)/pytest" in recipe(MAKEFILE, "test")


def test_nothing_installs_what_is_not_pinned_by_hash() -> None:
    installs = re.findall(r"^.*pip install .*$", MAKEFILE, re.MULTILINE)
    unpinned = [line for line in installs if "--require-hashes" not in line]
    assert len(unpinned) == 1
    assert "--no-deps --no-build-isolation --editable ." in unpinned[0]


@pytest.mark.parametrize("command", ["make test", "make check"])
def test_a_change_is_checked_by_the_commands_that_people_run(command: str) -> None:
    assert re.search(rf"^{command}\b", CI.read_text(), re.MULTILINE)
    assert os.access(CI, os.X_OK)


def test_the_check_of_a_change_installs_nothing_of_its_own_choosing() -> None:
    """What the project needs is the Makefile's to install, so that both do the same."""
    assert "pip install" not in CI.read_text()
