"""What comes of asking for a document of a stranger: its bytes, or why there are none."""

from typing import TypeAlias

import msgspec

from domain.events import MetadataFailure

DOCUMENT_BYTES_MAX = 256 * 1024
"""A longer document is not read to its end, and not used."""


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """A document, all of it."""

    body: bytes


class Unfetched(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a document could not be had."""

    failure: MetadataFailure
    detail: str
    passing: bool
    """Whether it may be had another time."""
    http_status: int | None = None


Answer: TypeAlias = Fetched | Unfetched
