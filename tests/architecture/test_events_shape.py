"""Events are facts: frozen, named in the past tense, counted in integers, told apart by a tag."""

import ast
import re
from typing import get_args

import msgspec
import pytest
from msgspec import inspect

from curvetape.testing.checkout import ROOT
from domain.events import OLDER, AnyEvent, AnyProgramEvent, Event, ProgramEvent

UNION: tuple[type[Event], ...] = get_args(AnyEvent)
IRREGULAR = {"withdrawn", "swept"}
"""Past participles that do not end in -ed."""
_TAG = re.compile(r"(?P<noun>[a-z]+)\.(?P<verb>[a-z]+(?:_[a-z]+)*)(?:\.(?P<version>\d+))?")


def undeclared(source: str) -> list[str]:
    """Events that do not repeat `frozen` and `kw_only`, or that leave their tag to chance.

    msgspec inherits `frozen` but mypy then objects; it does not inherit `kw_only` at all.
    """
    found = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef) or not any(
            ast.unparse(base).endswith("Event") for base in node.bases
        ):
            continue
        said = {word.arg: word.value for word in node.keywords}
        for word in ("frozen", "kw_only"):
            value = said.get(word)
            if not (isinstance(value, ast.Constant) and value.value is True):
                found.append(f"{node.name} lacks {word}=True")
        tag = said.get("tag")
        if not node.name.endswith("Event") and not (
            isinstance(tag, ast.Constant) and isinstance(tag.value, str)
        ):
            found.append(f"{node.name} lacks a tag of its own")
    return found


def badly_named(tag: str) -> str | None:
    """What is wrong with a tag, which is the event's name on the wire."""
    parts = _TAG.fullmatch(tag)
    if parts is None:
        return "is not <noun>.<verb> with a version from 2 on"
    last = parts["verb"].rpartition("_")[2]
    if not last.endswith("ed") and last not in IRREGULAR:
        return "is not in the past tense"
    if parts["version"] is not None and int(parts["version"]) < 2:
        return "has a version that is not written"
    return None


def holds_float(kind: inspect.Type) -> bool:
    """Whether a field's type can hold a binary fraction anywhere inside."""
    if isinstance(kind, inspect.FloatType | inspect.DecimalType):
        return True
    return any(
        holds_float(inner)
        for field in kind.__struct_fields__
        for value in [getattr(kind, field)]
        for inner in (value if isinstance(value, tuple) else [value])
        if isinstance(inner, inspect.Type)
    )


def test_each_event_says_that_it_is_frozen_and_how_it_is_called() -> None:
    found = {
        path.name: undeclared(path.read_text())
        for path in sorted((ROOT / "domain" / "events").glob("*.py"))
    }
    assert {path: lacks for path, lacks in found.items() if lacks} == {}


@pytest.mark.parametrize(
    ("declared", "lacks"),
    [
        ("class Sold(MintEvent, kw_only=True, tag='a.sold'): ...", "frozen"),
        ("class Sold(MintEvent, frozen=True, tag='a.sold'): ...", "kw_only"),
        ("class Sold(base.Event, frozen=True, kw_only=True): ...", "tag"),
        ("class Sold(Event, frozen=True, kw_only=True, tag=True): ...", "tag"),
        ("class SaleEvent(Event, frozen=True): ...", "kw_only"),
    ],
)
def test_an_event_that_leaves_one_out_is_noticed(declared: str, lacks: str) -> None:
    assert [lacks in found for found in undeclared(declared)] == [True]


@pytest.mark.parametrize("event", UNION)
def test_an_event_is_immutable_takes_keywords_only_and_ignores_what_came_later(
    event: type[Event],
) -> None:
    config = event.__struct_config__
    assert (config.frozen, config.tag_field) == (True, "kind")
    assert config.forbid_unknown_fields is False
    with pytest.raises(TypeError, match="positional"):
        event("an id")  # type: ignore[call-arg]  # that it is refused is the promise


@pytest.mark.parametrize("event", UNION)
def test_a_tag_is_in_the_past_tense(event: type[Event]) -> None:
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    assert badly_named(tag) is None


@pytest.mark.parametrize("tag", ["curve.trade", "CurveTraded", "traded", "curve.traded.1", "a.b.c"])
def test_a_bad_tag_is_noticed(tag: str) -> None:
    assert badly_named(tag)


@pytest.mark.parametrize("tag", ["curve.traded", "curve.fee_swept", "curve.traded.2"])
def test_a_good_tag_is_left_alone(tag: str) -> None:
    assert badly_named(tag) is None


@pytest.mark.parametrize("event", UNION)
def test_a_subject_says_the_same_as_the_tag(event: type[Event]) -> None:
    """A newer version of a kind stays under the kind's subject."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    assert event.subject_root == "pump." + re.sub(r"\.\d+$", "", tag)


def test_tags_and_subjects_are_each_used_once() -> None:
    assert len({event.__struct_config__.tag for event in UNION}) == len(UNION)
    assert len({event.subject_root for event in UNION}) == len(UNION)


def test_the_union_holds_every_event_that_is_no_base_of_others_or_an_older_version() -> None:
    """Events that tests invent are in no log."""
    ours = {event for event in _descendants(Event) if event.__module__.startswith("domain.")}
    assert {*UNION, *OLDER} == {event for event in ours if not _descendants(event)}


def test_the_programs_events_are_those_that_can_come_from_a_transaction() -> None:
    of_programs = {event for event in UNION if issubclass(event, ProgramEvent)}
    assert set(get_args(AnyProgramEvent)) == of_programs


@pytest.mark.parametrize("event", UNION)
def test_no_event_holds_a_binary_fraction(event: type[Event]) -> None:
    described = inspect.type_info(event)
    assert isinstance(described, inspect.StructType)
    assert [field.name for field in described.fields if holds_float(field.type)] == []


class _Priced(msgspec.Struct):
    exact: int
    plain: float
    hidden: tuple[dict[str, float], ...]
    perhaps: float | None


def test_a_binary_fraction_is_noticed_wherever_it_hides() -> None:
    described = inspect.type_info(_Priced)
    assert isinstance(described, inspect.StructType)
    found = [field.name for field in described.fields if holds_float(field.type)]
    assert found == ["plain", "hidden", "perhaps"]


def _descendants(event: type[Event]) -> set[type[Event]]:
    # What `ingest.positional` makes is the same event again, made from values in order.
    children = {
        child for child in event.__subclasses__() if child.__module__ != "ingest.positional"
    }
    return children.union(*(_descendants(child) for child in children))
