"""The OpenAPI document as a page for people: what can be asked, what is answered, what goes wrong.

It is made once, needs no script, and links into itself: a shape is described where it is named.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any, TypeAlias

import msgspec

from api.problems import KINDS

Json: TypeAlias = dict[str, Any]

_STYLE = (
    "html{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;"
    "margin:2rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}"
    "dd{margin:0 0 .8em 1rem}h3{margin:1.6rem 0 .4rem;overflow-wrap:anywhere}"
    "p{margin:.3rem 0}summary{cursor:pointer}details{margin:.3rem 0 0}"
    "small{opacity:.75}"
)
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
_LIMITS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "above"),
    ("maximum", "at most"),
    ("maxLength", "characters at most:"),
)


class Elsewhere(msgspec.Struct, frozen=True):
    """Something else that this server answers."""

    path: str
    meaning: str


def page(document: Json, elsewhere: Sequence[Elsewhere]) -> bytes:
    """The page about a document, and about what is in none."""
    shapes: Json = document["components"]["schemas"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Curvetape</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style></head><body><h1>Curvetape</h1>",
            f"<p>{escape(document['info']['summary'])}. ",
            'See <a href="/status">the pipeline at work</a>.</p>',
            *_introduction(document["info"]["description"]),
            *_operations(document),
            "<h2>Besides</h2><dl>",
            *(
                f'<dt><a href="{it.path}">{it.path}</a></dt><dd>{_prose(it.meaning)}</dd>'
                for it in elsewhere
            ),
            "</dl><h2>Shapes</h2><p>What answers are made of.</p>",
            *(part for name, shape in sorted(shapes.items()) for part in _shape(name, shape)),
            "<h2>Problems</h2><p>The <code>type</code> of a problem leads here.</p><dl>",
            *(
                f'<dt id="{kind.name}"><code>{kind.type}</code> · {kind.status} · '
                f"{escape(kind.title)}</dt><dd>{_prose(kind.meaning)}</dd>"
                for kind in KINDS
            ),
            "</dl></body></html>",
        )
    ).encode()


def _introduction(text: str) -> Iterator[str]:
    """Paragraphs, and lists of lines that begin with `- `."""
    for block in text.strip().split("\n\n"):
        if block.startswith("- "):
            items = re.split(r"\n?^- ", block, flags=re.MULTILINE)[1:]
            yield f"<ul>{''.join(f'<li>{_prose(item)}</li>' for item in items)}</ul>"
        else:
            yield f"<p>{_prose(block)}</p>"


def _operations(document: Json) -> Iterator[str]:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    described = [(path, it["get"]) for path, it in document["paths"].items()]
    order = {name: place for place, name in enumerate(tags)}
    described.sort(key=lambda it: order[it[1]["tags"][0]])
    for tag, them in groupby(described, key=lambda it: it[1]["tags"][0]):
        yield f"<h2>{escape(tags[tag])}</h2>"
        for path, operation in them:
            yield from _operation(path, operation)


def _operation(path: str, operation: Json) -> Iterator[str]:
    text = escape(path)
    linked = text if "{" in path else f'<a href="{text}">{text}</a>'
    yield f'<h3 id="{operation["operationId"]}"><code>GET {linked}</code></h3>'
    yield f"<p>{_prose(operation['summary'])}. {_prose(operation['description'])}</p>"
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    yield f"<p>Answers {_type(answer)}.</p>"
    parameters = operation["parameters"]
    if parameters:
        yield f"<details><summary>{len(parameters)} parameters</summary><dl>"
        yield from (_field(it["name"], it["schema"], it) for it in parameters)
        yield "</dl></details>"


def _shape(name: str, shape: Json) -> Iterator[str]:
    yield f'<h3 id="shape-{name}">{name}</h3>'
    if "description" in shape:
        yield f"<p>{_prose(shape['description'])}</p>"
    yield "<details><summary>fields</summary><dl>"
    for field, schema in shape.get("properties", {}).items():
        yield _field(field, schema, {"description": _said(schema)})
    yield "</dl></details>"


def _field(name: str, schema: Json, of: Json) -> str:
    more = ["required"] if of.get("required") else []
    if schema.get("default") not in (None, ""):
        more.append(f"else {escape(str(schema['default']))}")
    told = "".join(f"; {it}" for it in more)
    said = of.get("description")
    return (
        f"<dt><code>{escape(name)}</code> <small>{_type(schema)}{told}</small></dt>"
        f"<dd>{_prose(said) if said else ''}</dd>"
    )


def _said(schema: Json) -> str | None:
    """What a schema says about itself, or the first of those that it may be."""
    if "description" in schema:
        return str(schema["description"])
    return next((said for it in _choices(schema) if (said := _said(it))), None)


def _type(schema: Json) -> str:
    """What a schema allows, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{name}">{name}</a>'
    if choices := _choices(schema):
        return " or ".join(_type(it) for it in choices)
    if "enum" in schema:
        return "one of " + ", ".join(f"<code>{escape(str(it))}</code>" for it in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items') or {})}"
    limits = (f"{word} {schema[name]}" for name, word in _LIMITS if name in schema)
    return " ".join((escape(str(schema.get("type", "anything"))), *limits))


def _choices(schema: Json) -> Sequence[Json]:
    found: Sequence[Json] = schema.get("anyOf") or schema.get("oneOf") or ()
    return found


def _prose(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))
