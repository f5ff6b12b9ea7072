"""Every fact in the log: immutable, in the past tense, and never changed once written.

Amounts are integers in the smallest unit of what they count: lamports or the quote mint's own
units for quote amounts, the token's own units for token amounts. They are written as JSON
integers and may pass 2^53, so a reader in JavaScript has to parse them as big integers.
`None` (absent in JSON) means that the program did not report it in the event's layout; it never
stands for zero.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from domain.events.base import Event, MintEvent, ProgramEvent, Side
from domain.events.curve import (
    CompletionTraded,
    CurveCompleted,
    CurveFeeSwept,
    CurveRepriced,
    CurveTraded,
    Shareholder,
    TokenCreated,
    TokenMigrated,
)
from domain.events.market import ProgramReported, SolPriced
from domain.events.metadata import MetadataFailure, TokenDescribed
from domain.events.pool import (
    PoolBoosted,
    PoolBurned,
    PoolCreated,
    PoolDeposited,
    PoolEvent,
    PoolFeeSwept,
    PoolTraded,
    PoolWithdrawn,
)
from domain.events.slots import GapDetected, GapFilled, SlotAbandoned, SlotConfirmed
from domain.events.versions import Upcast, Versions

__all__ = [
    "BESIDE_SLOTS",
    "OLDER",
    "AnyEvent",
    "AnyProgramEvent",
    "AnySlotEvent",
    "CompletionTraded",
    "CurveCompleted",
    "CurveFeeSwept",
    "CurveRepriced",
    "CurveTraded",
    "Event",
    "GapDetected",
    "GapFilled",
    "MetadataFailure",
    "MintEvent",
    "PoolBoosted",
    "PoolBurned",
    "PoolCreated",
    "PoolDeposited",
    "PoolEvent",
    "PoolFeeSwept",
    "PoolTraded",
    "PoolWithdrawn",
    "ProgramEvent",
    "ProgramReported",
    "Shareholder",
    "Side",
    "SlotAbandoned",
    "SlotConfirmed",
    "SolPriced",
    "TokenCreated",
    "TokenDescribed",
    "TokenMigrated",
    "decode",
    "encode",
]

AnyProgramEvent: TypeAlias = (
    TokenCreated
    | CurveTraded
    | CurveCompleted
    | CurveRepriced
    | CurveFeeSwept
    | CompletionTraded
    | TokenMigrated
    | PoolCreated
    | PoolTraded
    | PoolDeposited
    | PoolWithdrawn
    | PoolFeeSwept
    | PoolBoosted
    | PoolBurned
    | ProgramReported
)
"""What a decoded transaction can turn into."""

AnySlotEvent: TypeAlias = SlotConfirmed | SlotAbandoned | GapDetected | GapFilled
"""What is said about the slots themselves."""

AnyEvent: TypeAlias = AnyProgramEvent | SolPriced | AnySlotEvent | TokenDescribed
"""The closed union of what the log can hold."""

BESIDE_SLOTS: frozenset[type[Event]] = frozenset((GapDetected, GapFilled, TokenDescribed))
"""Kinds that no slot decides: they count at once, and no `slot.abandoned` takes them back."""

OLDER: Mapping[type[Event], Upcast] = {}
"""The kinds that old logs hold and that nobody writes any more, each with what makes the next
version of it."""

_encoder = msgspec.json.Encoder()
_versions: Versions[AnyEvent] = Versions(AnyEvent, OLDER)


def encode(event: AnyEvent) -> bytes:
    """The event as it stands in the log: one JSON object."""
    return _encoder.encode(event)


def decode(payload: bytes) -> AnyEvent:
    """Read an event back from the log, in the newest version of its kind.

    `msgspec.ValidationError` says what does not fit.
    """
    return _versions.decode(payload)
