"""The OpenAPI 3.1 document, from the declarations that also route and check every request.

Its schemas are msgspec's own JSON Schema 2020-12 of the Structs that are read and written, so
nothing is declared twice; of the libraries for Falcon, spectree documents one media type per answer
and thereby no problem details, and falcon-swoop wants every shape once more as a pydantic model.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import falcon
import msgspec

from api import waiting
from api.edition import POSITION_HEADER, SLOT_HEADER, VERSION
from api.gate import ALWAYS_OPEN
from api.operation import Operation
from api.problems import (
    ADDRESS_TOO_LONG,
    CONTENT_REFUSED,
    INTERNAL,
    KEY_INVALID,
    MEDIA_PROBLEM,
    NOT_ACCEPTABLE,
    NOT_YET,
    PARAMETER_INVALID,
    PARAMETER_UNKNOWN,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    Kind,
    Problem,
)

Json: TypeAlias = dict[str, Any]

EVERYWHERE = (
    PARAMETER_UNKNOWN,
    PARAMETER_INVALID,
    NOT_ACCEPTABLE,
    CONTENT_REFUSED,
    ADDRESS_TOO_LONG,
    INTERNAL,
)
COUNTED = (KEY_INVALID, TOO_MANY_REQUESTS)
"""Of everything but what is always open."""
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_SCHEMAS = "#/components/schemas/{name}"
_DESCRIPTION = f"""\
Tokens of pump.fun, their trades, candles and traders, from read models of an append-only log.

- `null` means unknown, never zero. Amounts named `…Units` are exact decimal texts in the smallest
  unit; the numbers beside them are whole coins. Times are Unix seconds.
- `{POSITION_HEADER}` tells the log sequence up to which an answer holds everything.
- `{SLOT_HEADER}` is the last slot that is certified, and `Last-Modified` the time of its block: so
  fresh is what is told.
- `waitFor` takes a log position and has the answer wait until the read models have passed it.
- Send an answer's `ETag` back as `If-None-Match` to get 304 while nothing has changed.
- Errors are problem details (RFC 9457); parameters that are not known are refused.
- The header `Link` with `rel="next"` leads to the next page of a list.
"""


def document(operations: Sequence[Operation]) -> Json:
    """The document of these operations."""
    answers = [operation.answer for operation in operations]
    references, schemas = msgspec.json.schema_components([*answers, Problem], ref_template=_SCHEMAS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Curvetape",
            "version": VERSION,
            "summary": "Analytics for pump.fun tokens whose every number can be proven",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "tokens", "description": "Tokens, trades and candles"},
            {"name": "feeds", "description": "Launches, graduations and who made them"},
            {"name": "wallets", "description": "Wallets' positions, trades and profits"},
            {"name": "proof", "description": "What is complete, and how it is proven"},
            {"name": "operation", "description": "For those who run it"},
        ],
        "paths": {
            operation.path: {"get": _get(operation, answer)}
            for operation, answer in zip(operations, references, strict=False)
        },
        "components": {
            "schemas": schemas,
            "headers": _HEADERS,
            "securitySchemes": _KEYS,
        },
        "security": [{}, *({name: []} for name in _KEYS)],
    }


def _get(operation: Operation, answer: Json) -> Json:
    return {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation),
        "responses": _responses(operation, answer),
    }


def _parameters(operation: Operation) -> list[Json]:
    kind = operation.parameters
    _, schemas = msgspec.json.schema_components([kind], ref_template=_SCHEMAS)
    declared = schemas[kind.__name__]
    found = []
    for name, schema in declared["properties"].items():
        parameter = {
            "name": name,
            "in": "path" if name in operation.in_path else "query",
            "required": name in declared["required"],
            "description": schema.pop("description"),
        }
        examples = schema.pop("examples", None)
        if examples is not None:
            parameter["example"] = examples[0]
        found.append(parameter | {"schema": schema})
    if operation.read_models:
        found.append(_WAIT)
    return found


def _responses(operation: Operation, answer: Json) -> Json:
    dated = bool(operation.read_models)
    counted = operation.path not in ALWAYS_OPEN
    kinds = (
        *EVERYWHERE,
        *(COUNTED if counted else ()),
        *((UNAVAILABLE, NOT_YET) if dated else ()),
        *operation.problems,
    )
    dating = (POSITION_HEADER, SLOT_HEADER, "Last-Modified", "ETag") if dated else ()
    headers = ["Cache-Control", *dating, *(_RATE if counted else ())]
    listing = ["Link"] if operation.next_parameter is not None else []
    responses: Json = {
        "200": {
            "description": operation.summary,
            "headers": _referred([*headers, *listing]),
            "content": {falcon.MEDIA_JSON: {"schema": answer}},
        }
    }
    if dated:
        responses["304"] = {
            "description": "Nothing has changed since the answer with this ETag",
            "headers": _referred(headers),
        }
    for status in sorted({kind.status for kind in kinds}):
        responses[str(status)] = _problem([kind for kind in kinds if kind.status == status])
    return responses


def _problem(kinds: Sequence[Kind]) -> Json:
    described: Json = {
        "description": "\n\n".join(f"`{kind.type}`: {kind.title}." for kind in kinds),
        "content": {MEDIA_PROBLEM: {"schema": {"$ref": _SCHEMAS.format(name=Problem.__name__)}}},
    }
    if kinds[0] in {UNAVAILABLE, NOT_YET, TOO_MANY_REQUESTS}:
        limits = _RATE if TOO_MANY_REQUESTS in kinds else ()
        described["headers"] = _referred(["Retry-After", *limits])
    return described


def _referred(headers: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _header(description: str, kind: str, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": {"type": kind}}


_KEYS: Json = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "For a limit of one's own, and where none is answered without a key",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key"},
}
_WAIT: Json = {
    "name": waiting.PARAMETER,
    "in": "query",
    "required": False,
    "description": waiting.DESCRIPTION,
    "schema": {"type": "string", "pattern": waiting.PATTERN},
}
_HEADERS = {
    POSITION_HEADER: _header("The log sequence up to which the answer holds everything", "integer"),
    SLOT_HEADER: _header("The last slot that is certified", "integer", required=False),
    "Last-Modified": _header("The time of that slot's block", "string", required=False),
    "ETag": _header("The state of the read models that the answer is from", "string"),
    "Cache-Control": _header("How long the answer may be kept", "string"),
    "Link": _header("The next page, if there is one", "string", required=False),
    "Retry-After": _header("Seconds to wait before asking again", "integer"),
    "RateLimit-Limit": _header("Requests a second for a caller", "integer", required=False),
    "RateLimit-Remaining": _header("How many are left of them", "integer", required=False),
    "RateLimit-Reset": _header("Seconds until there are more", "integer", required=False),
}
