"""Whether both sides read the same values from the same events."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

_RENAMED = {
    "curve.traded": {
        "fee_bps": "fee_basis_points",
        "creator_fee_bps": "creator_fee_basis_points",
        "cashback_fee_bps": "cashback_fee_basis_points",
        "buyback_fee_bps": "buyback_fee_basis_points",
        "last_update_time_s": "last_update_timestamp",
    },
    "token.created": {
        "mayhem_mode": "is_mayhem_mode",
        "cashback_enabled": "is_cashback_enabled",
        "holder_reward": "is_holder_reward",
    },
    "pool.traded": {
        "pool_base_reserves": "pool_base_token_reserves",
        "pool_quote_reserves": "pool_quote_token_reserves",
        "lp_fee_bps": "lp_fee_basis_points",
        "protocol_fee_bps": "protocol_fee_basis_points",
        "coin_creator_fee_bps": "coin_creator_fee_basis_points",
        "cashback_fee_bps": "cashback_fee_basis_points",
        "buyback_fee_bps": "buyback_fee_basis_points",
        "last_update_time_s": "last_update_timestamp",
    },
    "pool.created": {"mayhem_mode": "is_mayhem_mode"},
}
"""Our name of a field, and the interface's, where they are not the same."""


class DisagreementError(AssertionError):
    """The sides found different events, so their rates cannot be compared."""


def compare(ours: Iterable[bytes | str], peer: Iterable[str]) -> dict[str, object]:
    """Count the values that both sides have, event by event, and name those that differ.

    Raises `DisagreementError` when one side has events that the other lacks.
    """
    mine = {event["id"]: event for event in map(msgspec.json.decode, ours)}
    theirs = {event["id"]: event for event in map(msgspec.json.decode, peer)}
    if mine.keys() != theirs.keys():
        alone = sorted(mine.keys() ^ theirs.keys())
        raise DisagreementError(f"{len(alone)} events are only on one side, as {alone[0]}")
    same = 0
    differing: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for name, event in mine.items():
        kinds[f"{event['kind']} {event.get('layout', '')}".strip()] += 1
        for field, value, other in _shared(event, theirs[name]["data"]):
            if _text(value) == _text(other):
                same += 1
            else:
                differing[f"{event['kind']}.{field}"] += 1
    return {
        "events": len(mine),
        "kinds": dict(sorted(kinds.items())),
        "values_equal": same,
        "values_different": dict(differing),
    }


def _shared(event: dict[str, Any], data: dict[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    renamed = _RENAMED.get(event["kind"], {})
    for field, value in event.items():
        known = renamed.get(field, field)
        if known in data:
            yield field, value, data[known]


def _text(value: Any) -> str:
    """Big integers are texts on the other side."""
    if isinstance(value, dict):
        return str({name: _text(part) for name, part in sorted(value.items())})
    if isinstance(value, list):
        return str([_text(part) for part in value])
    return str(value)
