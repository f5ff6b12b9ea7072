"""What docstrings say about fields, and what `docs/events.md` says about their units."""

import ast
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple, TypeAlias

from domain.events import Event

_SECTION = re.compile(r"^##+ (.*)$", re.MULTILINE)
_COMMON = "Fields of every event"


class Said(NamedTuple):
    """A field as a document describes it; either can be empty."""

    unit: str
    meaning: str


Page: TypeAlias = Mapping[str, Mapping[str, Said]]
"""By kind and field, what a document says; under `""` what it says of many kinds."""


def summary(kind: type) -> str:
    """A class's docstring on one line for each of its paragraphs."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def field_docstrings(kind: type) -> dict[str, str]:
    """By field, the docstring right behind its declaration, in the class or one of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in {"builtins", "msgspec"}:
            continue
        (node,) = ast.parse(dedent(inspect.getsource(base))).body
        assert isinstance(node, ast.ClassDef)
        for field, behind in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(behind, ast.Expr)
                and isinstance(behind.value, ast.Constant)
                and isinstance(behind.value.value, str)
            ):
                found[field.target.id] = " ".join(behind.value.value.split())
    return found


def described(events_page: Path) -> Page:
    """What the tables of `docs/events.md` say."""
    text = events_page.read_text(encoding="utf-8")
    parts = _SECTION.split(text)
    found: dict[str, dict[str, Said]] = {"": {}}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        kind = "" if heading == _COMMON else heading.strip("`")
        found.setdefault(kind, {}).update(_rows(body))
    return found


def _rows(text: str) -> dict[str, Said]:
    found: dict[str, Said] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        names, unit, meaning = cells
        for name in re.findall(r"`(\w+)`", names):
            found[name] = Said(unit.replace("`", ""), meaning)
    return found


def said_of(kind: type[Event], name: str, page: Page) -> Said:
    """What the page says of a kind's field, empty where it says nothing."""
    tag = str(kind.__struct_config__.tag)
    return page.get(tag, {}).get(name) or page.get("", {}).get(name) or Said("", "")
