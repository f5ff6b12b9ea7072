"""The catalogue of subjects as AsyncAPI 3: channels, messages with their schemas, and servers."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from curvetape.contract.schemas import KINDS, tag
from curvetape.contract.words import summary
from domain.events import Event, MintEvent, ProgramReported, TokenDescribed
from domain.events.base import ProgramEvent

HEADING = b"# Written by `make contract` from the events themselves; change those.\n"

_NATS = {"nats": {"bindingVersion": "0.1.0"}}
_MINT = {"description": "The token's mint, in base58."}
_NAME = {"description": "The event's name in the program's interface, as in `ExtendAccountEvent`."}
_PROGRAM = {"description": "The program's address, in base58."}


def catalogue() -> dict[str, Any]:
    """The document; messages refer to the schemas in `schemas/` beside it."""
    channels = {root: _channel(root) for root in dict.fromkeys(_roots())}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "The log of Curvetape",
            "version": version("curvetape"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "log": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "nats-server with JetStream, as `server.conf` beside this sets it "
                "up. `accounts.conf` adds users.",
                "security": [{"$ref": "#/components/securitySchemes/user"}],
            }
        },
        "channels": channels | {"dead.decode": _dead_channel(), "raw.block": _raw_channel()},
        "operations": {
            **{f"append.{root}": _operation(root) for root in channels},
            "append.dead.decode": _operation("dead.decode"),
            "append.raw.block": _operation("raw.block"),
        },
        "components": {
            "securitySchemes": {
                "user": {
                    "type": "userPassword",
                    "description": "Where the server has `accounts.conf`: `integrator` may read.",
                }
            },
            "messages": {tag(kind): _message(kind) for kind in KINDS}
            | {"dead.letter": _dead_letter(), "raw.part": _raw_part()},
        },
    }


def encoded(document: dict[str, Any]) -> bytes:
    """The document as its file holds it."""
    return HEADING + msgspec.yaml.encode(document)


def address(kind: type[Event]) -> str:
    """The subjects of a kind, with a parameter in braces for what differs."""
    root = kind.subject_root
    if issubclass(kind, MintEvent | TokenDescribed):
        return f"{root}.{{mint}}"
    return f"{root}.{{name}}" if issubclass(kind, ProgramReported) else root


def _roots() -> Iterable[str]:
    return (kind.subject_root.removeprefix("pump.") for kind in KINDS)


def _channel(root: str) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind.subject_root == f"pump.{root}"]
    newest = kinds[0]
    written: dict[str, Any] = {
        "address": address(newest),
        "title": root,
        "summary": summary(newest).partition("\n")[0],
        "messages": {tag(kind): {"$ref": f"#/components/messages/{tag(kind)}"} for kind in kinds},
    }
    if issubclass(newest, MintEvent | TokenDescribed):
        written["parameters"] = {"mint": _MINT}
    elif issubclass(newest, ProgramReported):
        written["parameters"] = {"name": _NAME}
    return written | {"bindings": _NATS}


def _operation(root: str) -> dict[str, Any]:
    stream = {"dead.decode": "DEAD", "raw.block": "RAW"}.get(root, "PUMP")
    writer = "describe" if f"pump.{root}" == TokenDescribed.subject_root else "ingest"
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{root}"},
        "summary": f"`curvetape {writer}` appends to the stream `{stream}`.",
        "bindings": _NATS,
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": tag(kind),
        "title": tag(kind),
        "summary": summary(kind).partition("\n")[0],
        "contentType": "application/json",
        "headers": _headers(kind),
        "payload": {"$ref": f"./schemas/{tag(kind)}.json"},
        "bindings": _NATS,
    }


def _headers(kind: type[Event]) -> dict[str, Any]:
    id_ = "The event's `id`"
    if issubclass(kind, ProgramEvent):
        id_ += ", or `<id>@<slot>.<attempt>` where that id was in the log before"
    return {
        "type": "object",
        "properties": {
            "Nats-Msg-Id": {"type": "string", "description": f"{id_}."},
            "Nats-Batch-Id": {"type": "string", "description": _BATCH},
            "Nats-Batch-Sequence": {"type": "string", "description": _BATCH},
        },
        "required": ["Nats-Msg-Id"],
    }


def _dead_channel() -> dict[str, Any]:
    return {
        "address": "dead.decode.{program}",
        "title": "dead.decode",
        "summary": "What of a program could not be decoded; deleted once a retry has succeeded.",
        "messages": {"dead.letter": {"$ref": "#/components/messages/dead.letter"}},
        "parameters": {"program": _PROGRAM},
        "bindings": _NATS,
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "dead.letter",
        "title": "dead.letter",
        "summary": "Bytes, their place and the reason why they became no event. For operators; its "
        "fields are no promise.",
        "contentType": "application/json",
        "payload": {"type": "object"},
        "bindings": _NATS,
    }


def _raw_channel() -> dict[str, Any]:
    return {
        "address": "raw.block",
        "title": "raw.block",
        "summary": "Proven blocks' transactions as they came, where they are kept at all.",
        "messages": {"raw.part": {"$ref": "#/components/messages/raw.part"}},
        "bindings": _NATS,
    }


def _raw_part() -> dict[str, Any]:
    return {
        "name": "raw.part",
        "title": "raw.part",
        "summary": "A part of a block: an envelope of MessagePack, its transactions as zstd. For "
        "operators; its fields are no promise.",
        "contentType": "application/msgpack",
        "payload": {"type": "object"},
        "bindings": _NATS,
    }


_BATCH = "Which messages were stored together. It carries no meaning for a reader."

_DESCRIPTION = (
    "Every event that Curvetape has read from pump.fun's programs, in the stream `PUMP` of NATS "
    "JetStream: one JSON object per message, never edited and never deleted. Amounts are integers "
    "in the smallest unit and may pass 2^53: parse them as big integers. Ignore fields that you do "
    'not know. An event with `"provisional": true` counts once `slot.confirmed` of its slot stands '
    "behind it in the log; `slot.abandoned` of its slot takes it back. `README.md` beside this "
    "says how to read the log, and `docs/examples` has readers in three languages."
)
