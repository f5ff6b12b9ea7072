"""Scalars and enums: how values travel, and what they are in the program."""

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from ariadne import EnumType, ScalarType

from api.live.alerts import AlertKind
from api.parameters import Time, seconds
from projections.ranking import RANKINGS
from projections.slot_reads import SlotState

_LONG_MAX = (1 << 53) - 1


def _long(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LONG_MAX:
        raise ValueError("a Long is a whole number between -2^53 and 2^53")
    return value


def _date_time(value: int) -> str:
    return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")


def _seconds(value: Any) -> int:
    """Unix seconds of what a client gave."""
    try:
        return seconds(msgspec.convert(value, Time))
    except msgspec.ValidationError as error:
        raise ValueError(
            "a DateTime is Unix seconds as a number, or RFC 3339 text such as "
            '"2026-09-01T12:00:00Z"'
        ) from error


def _by_name(name: str, *values: str) -> EnumType:
    return EnumType(name, {value.upper(): value for value in values})


_VENUES = ("curve", "pool")

SCALARS = [
    ScalarType("Long", serializer=_long, value_parser=_long),
    ScalarType("BigInt", serializer=str),
    ScalarType("DateTime", serializer=_date_time, value_parser=_seconds),
]
ENUMS = [
    _by_name(
        "TokenSort",
        "last_trade",
        "created",
        "market_cap",
        "volume",
        "liquidity",
        "trades",
        "progress",
    ),
    _by_name("SearchSort", "relevance", "market_cap", "volume", "created", "last_trade"),
    _by_name("TokenState", "curve", "completed", "graduated"),
    _by_name("TokenLabel", "new", "about_to_graduate", "graduated"),
    _by_name("TradingVenue", *_VENUES),
    _by_name("Venue", *_VENUES, "completion"),
    _by_name("Side", "buy", "sell"),
    _by_name("Currency", "quote", "usd"),
    _by_name("AlertKind", *get_args(AlertKind)),
    _by_name("HolderClass", "developer", "sniper", "bundler", "insider"),
    _by_name("PositionState", "open", "closed"),
    _by_name("TraderSort", "realised", "volume"),
    _by_name("Ranking", *RANKINGS),
    _by_name("CompletenessState", "complete", "incomplete", "not_final", "unknown"),
    _by_name("SlotState", *get_args(SlotState), "unknown"),
    EnumType("RankingWindow", {"M5": "5m", "M15": "15m", "H1": "1h", "H6": "6h", "H24": "24h"}),
    EnumType(
        "ChartInterval",
        {
            "S1": "1s",
            "S5": "5s",
            "S15": "15s",
            "M1": "1m",
            "M5": "5m",
            "M15": "15m",
            "H1": "1h",
            "H4": "4h",
            "H24": "24h",
        },
    ),
]
