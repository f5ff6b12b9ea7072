"""A JSON Schema for each kind of event, from the Structs that are written and read."""

from pathlib import Path
from typing import Any, TypeAlias, get_args

import msgspec

from curvetape.contract.words import Page, described, field_docstrings, said_of, summary
from domain.events import OLDER, AnyEvent, Event

Schema: TypeAlias = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that every validator and AsyncAPI know."""

KINDS: tuple[type[Event], ...] = (*get_args(AnyEvent), *OLDER)
"""Every kind that a log can hold, the versions that are not written any more too."""


def schemas(events_page: Path) -> dict[str, Schema]:
    """By tag, the schema of the event; `events_page` is `docs/events.md`, which has the units."""
    page = described(events_page)
    return {tag(kind): schema(kind, page) for kind in KINDS}


def tag(kind: type[Event]) -> str:
    """The kind's name and version on the wire."""
    return str(kind.__struct_config__.tag)


def schema(kind: type[Event], page: Page) -> Schema:
    """The schema of one kind, in draft 7; fields have an `x-unit` where the page names one."""
    _, components = msgspec.json.schema_components(
        [kind], schema_hook=_anything, ref_template="#/definitions/{name}"
    )
    parts = {name: _in_draft_7(part) for name, part in components.items()}
    own = parts.pop(kind.__name__)
    docstrings = field_docstrings(kind)
    for name, field in own["properties"].items():
        said = said_of(kind, name, page)
        description = docstrings.get(name) or said.meaning
        if name == "kind":
            description = "What happened, and from the second version on in which version."
        if "$ref" in field:  # whatever stands beside a reference is not looked at in draft 7
            field["allOf"] = [{"$ref": field.pop("$ref")}]
        if description:
            field["description"] = description
        if said.unit:
            field["x-unit"] = said.unit
    written: Schema = {
        "$schema": DIALECT,
        "$id": f"{tag(kind)}.json",
        "title": tag(kind),
        "description": summary(kind),
        "x-subject": kind.subject_root,
        "type": "object",
        "properties": own["properties"],
        "required": sorted(own["required"]),
    }
    if parts:
        written["definitions"] = parts
    plain: Schema = msgspec.json.decode(msgspec.json.encode(written))
    return plain


def encoded(schema: Schema) -> bytes:
    """A schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _anything(kind: type) -> Schema:
    assert kind is object, "events hold nothing else that JSON Schema has no word for"
    return {"description": "Any JSON value."}


def _in_draft_7(part: Any) -> Any:
    """A piece of a schema in the words of draft 7, without titles that repeat class names."""
    if isinstance(part, list):
        return [_in_draft_7(each) for each in part]
    if not isinstance(part, dict):
        return part
    told = {key: _in_draft_7(value) for key, value in part.items() if key != "title"}
    if "prefixItems" in told:
        told["items"] = told.pop("prefixItems")
    if isinstance(told.get("description"), str):
        told["description"] = " ".join(told["description"].split())
    return told
