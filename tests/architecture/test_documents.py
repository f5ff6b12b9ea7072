"""Documents name what exists: links, paths, commands, settings, events and decisions."""

import re
from pathlib import Path
from typing import get_args

import click
import pytest

from api.status import page
from curvetape.cli import main
from curvetape.config import table
from curvetape.testing.checkout import ROOT, files, name, texts
from domain.events import AnyEvent, Event, MintEvent, ProgramEvent
from domain.events.pool import PoolEvent

DOCUMENTS = {name(path): text for path, text in texts() if path.suffix == ".md"}
README = DOCUMENTS["README.md"]
DECISIONS = {path: text for path, text in DOCUMENTS.items() if path.startswith("docs/decisions/0")}
PRESENT = {
    path: text
    for path, text in DOCUMENTS.items()
    if not path.startswith("docs/decisions/") and path != "CHANGELOG.md"
}
"""Documents about what is there today; the others are about a day in the past."""
DECISION_LINES_MAX = 60
_SUFFIXES = "py|toml|conf|sql|proto|md|txt|cjs|json"
COMMON = (Event, ProgramEvent, MintEvent, PoolEvent)


def missing_paths(text: str) -> list[str]:
    """Files that a document names in backticks, from the root of the project, and that are gone."""
    named = re.findall(rf"`((?:[\w.-]+/)+[\w.-]+\.(?:{_SUFFIXES}))`", text)
    return [path for path in named if not (ROOT / path).exists()]


def rows(text: str, heading: str) -> list[tuple[str, ...]]:
    """The cells of the table whose first column is called `heading`, without backticks."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            next(lines)
            break
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append(tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")))
    return found


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    _, _, rest = text.partition(f"\n{heading}\n")
    return rest.partition("\n#")[0]


def own_fields(event: type[Event]) -> set[str]:
    """The fields that an event adds to those that all of its kind have."""
    shared = {
        field for base in COMMON if issubclass(event, base) for field in base.__struct_fields__
    }
    return set(event.__struct_fields__) - shared


def commands() -> list[str]:
    return main.list_commands(click.Context(main))


def make_targets(text: str) -> set[str]:
    """The targets of the Makefile that a document tells people to run."""
    return set(re.findall(r"(?:^|`)make (?:-s )?([a-z]+)", text, re.MULTILINE))


def spoken_commands(text: str) -> set[str]:
    """The commands of `curvetape` that a document tells people to run."""
    return set(re.findall(r"(?:^ *|`|[$|] )curvetape ([a-z]+)\b", text, re.MULTILINE))


def missing_targets(document: Path, text: str) -> list[str]:
    """Relative links and pictures of a document that lead nowhere in the checkout."""
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    local = (link.partition("#")[0] for link in links if "://" not in link)
    return [link for link in local if link and not (document.parent / link).exists()]


def test_every_link_between_documents_leads_somewhere() -> None:
    found = {path: missing_targets(ROOT / path, text) for path, text in DOCUMENTS.items()}
    assert {path: links for path, links in found.items() if links} == {}


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("")
    text = '[a](there.md#part) [b](gone.md) [c](https://x/y) <img src="gone.svg">'
    assert missing_targets(tmp_path / "here.md", text) == ["gone.md", "gone.svg"]


@pytest.mark.parametrize("document", PRESENT)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    assert missing_paths(PRESENT[document]) == []


def test_a_file_that_is_gone_is_noticed() -> None:
    assert missing_paths("`domain/log.py` and `domain/gone.py`, `a/*.py`") == ["domain/gone.py"]


@pytest.mark.parametrize("command", ["make up", "make test"])
def test_the_readme_shows_the_two_commands_as_lines_of_their_own(command: str) -> None:
    assert re.search(rf"^{command}\b", README, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert make_targets(DOCUMENTS[document]) <= known


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    said = [
        (variable, default, meaning.replace("`", ""))
        for variable, default, meaning in rows(README, "Variable")
    ]
    expected = [
        (variable, default, meaning.replace("`", "")) for variable, default, meaning in table()
    ]
    paste = "\n".join(f"| `{v}` | {f'`{d}`' if d else ''} | {m} |" for v, d, m in table())
    assert said == expected, f"the rows of the table in README.md should be\n{paste}"


def test_the_readme_lists_every_address_of_the_api() -> None:
    said = {address.removeprefix("GET ") for address, _ in rows(README, "Address")}
    sources = [path.read_text() for path in sorted((ROOT / "api").glob("*.py"))]
    routed = {path for source in sources for path in re.findall(r'path="(/[^"]*)"', source)}
    assert said == routed | {"/openapi.json", page.PATH}


def test_the_readme_lists_every_command() -> None:
    said = [command.removeprefix("curvetape ") for command, _ in rows(README, "Command")]
    assert said == commands()


def test_the_table_is_read_as_it_stands() -> None:
    text = "x\n\n| Variable | Default | Meaning |\n|---|---|---|\n| `A` |  | b c. |\n\n| `B` |\n"
    assert rows(text, "Variable") == [("A", "", "b c.")]


@pytest.mark.parametrize("event", get_args(AnyEvent))
def test_every_kind_of_event_is_described_with_its_subject_and_all_its_fields(
    event: type[Event],
) -> None:
    kind = event.__struct_config__.tag
    said = section(DOCUMENTS["docs/events.md"], f"### `{kind}`")
    assert f"`{event.subject_root}" in said
    named = {
        field
        for line in said.splitlines()
        if line.startswith("| `")
        for field in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == own_fields(event)


def test_the_fields_that_all_events_have_are_described() -> None:
    said = DOCUMENTS["docs/events.md"].partition("\n## Kinds\n")[0]
    fields = {field for base in COMMON for field in base.__struct_fields__}
    assert {field for field in fields if f"| `{field}` |" not in said} == set()


def test_decisions_are_numbered_without_a_hole_and_listed() -> None:
    numbers = [int(re.sub(r".*/(\d{4})-.*", r"\1", path)) for path in sorted(DECISIONS)]
    assert numbers == list(range(1, len(numbers) + 1))
    index = DOCUMENTS["docs/decisions/README.md"]
    assert [path for path in DECISIONS if f"({path.rpartition('/')[2]})" not in index] == []


@pytest.mark.parametrize("document", DECISIONS)
def test_a_decision_is_one_page_of_context_decision_and_consequences(document: str) -> None:
    text = DECISIONS[document]
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= DECISION_LINES_MAX


def test_contributing_says_where_each_kind_of_test_lives() -> None:
    kinds = {path.parent for path in files() if path.name.startswith("test_")}
    said = DOCUMENTS["CONTRIBUTING.md"]
    assert {name(kind) for kind in kinds if f"`{name(kind)}`" not in said} == set()


def test_the_readme_names_every_folder_of_the_root() -> None:
    folders = {name(path).partition("/")[0] for path in files() if "/" in name(path)}
    assert {folder for folder in folders if f"`{folder}/`" not in README} == set()


def test_changes_are_kept_under_the_headings_of_keep_a_changelog() -> None:
    said = set(re.findall(r"^### (.*)$", DOCUMENTS["CHANGELOG.md"], re.MULTILINE))
    assert said <= {"Security", "Removed", "Deprecated", "Added", "Changed", "Fixed"}
    assert "\n## [Unreleased]\n" in DOCUMENTS["CHANGELOG.md"]


@pytest.mark.parametrize("command", commands())
def test_the_help_of_every_command_has_an_example(command: str) -> None:
    context = click.Context(main, info_name="curvetape")
    found = main.get_command(context, command)
    assert found is not None
    said = found.get_help(click.Context(found, info_name=command, parent=context))
    assert "Example" in said
    assert f"curvetape {command}" in said.partition("Example")[2]
    assert "\\b" not in said, "a mark of the help's layout is shown instead of obeyed"


@pytest.mark.parametrize("document", PRESENT)
def test_every_command_that_a_document_names_exists(document: str) -> None:
    assert spoken_commands(PRESENT[document]) <= set(commands())


def test_commands_are_told_from_prose() -> None:
    text = "Run `curvetape decode FILE`, or\n\n    curvetape gone --now\n\nIn curvetape everything"
    assert spoken_commands(text) == {"decode", "gone"}
