"""The committed schemas say what the events are, and change only as readers of the log can bear."""

from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import msgspec
import pytest

from curvetape.contract.__main__ import committed, write
from curvetape.contract.compatibility import incompatibilities
from curvetape.contract.schemas import KINDS, encoded, schema, schemas, tag
from curvetape.contract.words import Said, described, field_docstrings, said_of
from curvetape.testing.checkout import ROOT
from domain.events import CurveTraded, PoolTraded
from domain.events.base import MintEvent

EVENTS_PAGE = ROOT / "docs" / "events.md"
FOLDER = ROOT / "nats" / "schemas"
FIXTURES = sorted((ROOT / "tests" / "fixtures" / "events").glob("*.json"))
COMMITTED = committed(FOLDER)


def validator(kind: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(COMMITTED[kind])


def test_a_change_of_events_breaks_no_reader_of_the_log() -> None:
    assert incompatibilities(COMMITTED, schemas(EVENTS_PAGE)) == []


def test_the_committed_schemas_are_those_of_the_events() -> None:
    generated = {kind: encoded(of) for kind, of in schemas(EVENTS_PAGE).items()}
    held = {path.stem: path.read_bytes() for path in FOLDER.iterdir()}
    stale = {kind for kind in generated | held if generated.get(kind) != held.get(kind)}
    assert stale == set(), "run `make contract`, and remove files of kinds that never were"


@pytest.mark.parametrize("kind", COMMITTED)
def test_each_schema_is_a_valid_one_of_its_draft(kind: str) -> None:
    jsonschema_rs.meta.validate(COMMITTED[kind])


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_an_event_that_was_once_written_fits_its_schema(path: Path) -> None:
    validator(path.stem).validate(msgspec.json.decode(path.read_bytes()))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_an_event_without_one_of_its_required_fields_does_not_fit(path: Path) -> None:
    event = msgspec.json.decode(path.read_bytes())
    required = COMMITTED[path.stem]["required"]
    assert {"kind", "id", "pos"} <= set(required)
    for name in required:
        without = {key: value for key, value in event.items() if key != name}
        assert not validator(path.stem).is_valid(without), name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "pool.traded"),
        ("quote_amount", "1"),
        ("quote_amount", 0.5),
        ("pos", [1, 2, 3]),
        ("pos", [1, 2, 3, "4"]),
        ("side", "bought"),
        ("shareholders", [{"address": "a"}]),
        ("provisional", 1),
    ],
)
def test_a_wrong_value_does_not_fit(field: str, value: object) -> None:
    path = ROOT / "tests" / "fixtures" / "events" / "curve.traded.json"
    event = msgspec.json.decode(path.read_bytes())
    assert not validator("curve.traded").is_valid(event | {field: value})


def test_a_field_that_came_later_does_not_make_an_event_unfit() -> None:
    path = ROOT / "tests" / "fixtures" / "events" / "curve.traded.json"
    event = msgspec.json.decode(path.read_bytes())
    assert validator("curve.traded").is_valid(event | {"learnt_later": {"a": 1}})


def test_every_kind_and_every_field_that_counts_something_says_what() -> None:
    assert [kind for kind, of in COMMITTED.items() if not of["description"]] == []
    bare = [
        f"{kind}.{name}"
        for kind, of in COMMITTED.items()
        for name, field in of["properties"].items()
        if name.endswith(("_s", "_ns", "_bps", "_lamports", "amount", "reserves", "fee"))
        and "x-unit" not in field
        and "accounting" not in field.get("description", "")
    ]
    assert bare == []


def test_a_docstring_behind_a_field_describes_it_in_the_class_and_in_those_below() -> None:
    said = field_docstrings(PoolTraded)
    assert said["side"] == "`buy` takes base out of the pool."
    assert said["block_time_s"] == "The block's own time, in seconds since 1970."
    assert "mint" not in said


def test_a_unit_comes_from_the_page_of_events(tmp_path: Path) -> None:
    page = tmp_path / "events.md"
    page.write_text(
        "## Fields of every event\n| Field | Unit | Meaning |\n|---|---|---|\n"
        "| `id` | text | Who. |\n## Kinds\n### `curve.traded`\n"
        "| `fee`, `creator_fee` | quote units | |\n| `id` | none | Mine. |\n"
        "### `pool.traded`\n| `fee` | `10**x` | Other. |\n"
    )
    read = described(page)
    assert said_of(CurveTraded, "creator_fee", read) == Said("quote units", "")
    assert said_of(PoolTraded, "fee", read) == Said("10**x", "Other.")
    assert said_of(PoolTraded, "id", read) == Said("text", "Who.")
    assert said_of(CurveTraded, "id", read) == Said("none", "Mine.")
    assert said_of(CurveTraded, "user", read) == Said("", "")


class Sold(MintEvent, frozen=True, kw_only=True, gc=False, tag="coin.sold"):
    """A coin was sold."""

    subject_root: ClassVar = "pump.coin.sold"

    amount: int
    buyer: str | None = None


def changed(**fields: Any) -> dict[str, Any]:
    """The schemas after `coin.sold` was declared anew with further or other fields."""
    kind = msgspec.defstruct(
        "Sold",
        [(name, *(it if isinstance(it, tuple) else (it,))) for name, it in fields.items()],
        bases=(MintEvent,),
        tag="coin.sold",
        kw_only=True,
        frozen=True,
        module=__name__,
        namespace={"subject_root": "pump.coin.sold", "__doc__": "It was sold, said better."},
    )
    return {"coin.sold": _schema(kind)}


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([kind])
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(components[kind.__name__]))
    return told


BEFORE = {"coin.sold": _schema(Sold)}
SAME: dict[str, Any] = {"amount": int, "buyer": (str | None, None)}


def test_better_words_a_further_optional_field_and_a_further_kind_break_nothing() -> None:
    after = changed(**SAME, place=(str | None, None), marked=(bool, False))
    assert incompatibilities(BEFORE, {**after, "coin.lent": {}}) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({**SAME, "price": int}, ".price: a new field must be allowed to be absent"),
        ({"amount": int}, ".buyer: the field is gone"),
        ({"amount": int, "buyer": str}, ".buyer: could be absent, as in old events"),
        ({"amount": (int, 0), "buyer": (str | None, None)}, ".amount: was always there"),
        ({"amount": str, "buyer": (str | None, None)}, ".amount: was 'integer' and is 'string'"),
        ({"amount": int, "buyer": (str, "nobody")}, ".buyer: was"),
        ({"amount": int | str, "buyer": (str | None, None)}, ".amount: was"),
        ({"amount": int, "buyer": (int | str | None, None)}, ".buyer: was"),
        ({"amount": int, "buyer": (str | None, "x")}, ".buyer: was None and is 'x'"),
    ],
)
def test_any_other_change_of_a_field_is_noticed(fields: dict[str, Any], sentence: str) -> None:
    found = incompatibilities(BEFORE, changed(**fields))
    assert any(f"coin.sold{sentence}" in each for each in found), found


def test_a_kind_that_is_gone_is_noticed() -> None:
    assert incompatibilities(BEFORE, {}) == [
        "coin.sold: the kind is gone; old logs hold it, so its Struct has to stay"
    ]


def test_a_change_inside_of_a_part_that_a_field_refers_to_is_noticed() -> None:
    before = schemas(EVENTS_PAGE)
    after = msgspec.json.decode(msgspec.json.encode(before))
    after["curve.traded"]["definitions"]["Position"]["items"][3]["type"] = "string"
    del after["curve.traded"]["definitions"]["Shareholder"]["properties"]["share_bps"]
    assert incompatibilities(before, after) == [
        "curve.traded Position: was 'integer' and is 'string'",
        "curve.traded Shareholder.share_bps: the field is gone",
    ]


def test_a_change_of_the_subject_is_noticed() -> None:
    before = {tag(CurveTraded): schema(CurveTraded, {})}
    after = {tag(CurveTraded): before["curve.traded"] | {"x-subject": "pump.elsewhere"}}
    assert incompatibilities(before, after) == [
        "curve.traded: was 'pump.curve.traded' and is 'pump.elsewhere'"
    ]


def test_what_would_break_readers_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "events.md").write_text(EVENTS_PAGE.read_text())
    folder = tmp_path / "nats" / "schemas"
    folder.parent.mkdir()
    assert write(tmp_path) == []
    assert {path.stem for path in folder.iterdir()} == {tag(kind) for kind in KINDS}
    path = folder / "curve.traded.json"
    older = msgspec.json.decode(path.read_bytes())
    older["properties"]["gone"] = {"type": "string"}
    path.write_bytes(msgspec.json.encode(older))
    assert write(tmp_path) == ["curve.traded.gone: the field is gone"]
    assert msgspec.json.decode(path.read_bytes()) == older
