"""Descriptions of tokens for tests, as a resolver would append them."""

from typing import Any

from curvetape.testing.events import GENESIS_S
from domain.events import TokenDescribed
from domain.position import Position


def described(number: int, mint: str, **fields: Any) -> TokenDescribed:
    """What was found behind the uri of the token that was created at slot `number`."""
    attempt = fields.get("attempt", 1)
    given: dict[str, Any] = {
        "id": f"described:{mint}:{attempt}",
        "pos": Position(number, 7, 2, 0),
        "received_at_ns": (GENESIS_S + number + attempt) * 1_000_000_000,
        "mint": mint,
        "uri": f"https://ipfs.io/ipfs/{mint}",
        "attempt": attempt,
        "created_sequence": number,
        "complete_until": 0,
        "description": f"All about {mint}.",
        "document_bytes": 120,
        "document_sha256": "0" * 64,
    }
    return TokenDescribed(**(given | fields))


def undescribed(number: int, mint: str, **fields: Any) -> TokenDescribed:
    """A document that could not be had, whatever may come of a later attempt."""
    given: dict[str, Any] = {
        "failure": "status",
        "http_status": 503,
        "final": False,
        "description": None,
        "document_bytes": None,
        "document_sha256": None,
    }
    return described(number, mint, **(given | fields))
