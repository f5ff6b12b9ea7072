"""Alerts: rules as they are given, and what is told when one comes true."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ariadne import ObjectType

from api.graphql.arguments import printable, refused
from api.graphql.context import Info
from api.live.alerts import OF_ONE_TRADE, Alert, AlertKind, AlertRule

ALERT = ObjectType("Alert")

RULES_MAX = 20
"""Of one subscription."""
ID_LENGTH_MAX = 64
_ABOVE: Mapping[AlertKind, int] = {"volume_spike": 1}
"""What a threshold has to be above, where that is not 0."""
_ANYWHERE = ", ".join(sorted(OF_ONE_TRADE)).upper()


def rules_of(asked: Iterable[Mapping[str, Any]], mint: str | None) -> Sequence[AlertRule]:
    """Rules that can be followed; raises `ProblemError`. Without a mint they are about all."""
    rules = [AlertRule(**each) for each in asked]
    if not 1 <= len(rules) <= RULES_MAX:
        raise refused("rules", f"rules were {len(rules)}; give 1 to {RULES_MAX}")
    if len({rule.id for rule in rules}) < len(rules):
        raise refused("rules", "two rules have the same id; give each its own")
    for rule in rules:
        _check(rule, mint)
    return rules


def _check(rule: AlertRule, mint: str | None) -> None:
    printable("rules.id", rule.id)
    if not 1 <= len(rule.id) <= ID_LENGTH_MAX:
        raise refused(
            "rules", f"a rule's id has {len(rule.id)} characters; give 1 to {ID_LENGTH_MAX}"
        )
    above = _ABOVE.get(rule.kind, 0)
    if rule.threshold <= above:
        raise refused(
            "rules",
            f"the threshold of rule {rule.id} was {rule.threshold:g}; it has to be above {above}",
        )
    if mint is None and rule.kind not in OF_ONE_TRADE:
        raise refused(
            "rules",
            f"rule {rule.id} follows one token; name it with mintAddress, or ask for {_ANYWHERE}",
        )


@ALERT.field("ruleId")
def _rule_id(told: Alert, _info: Info) -> str:
    return told.rule.id


@ALERT.field("kind")
def _kind(told: Alert, _info: Info) -> AlertKind:
    return told.rule.kind


@ALERT.field("threshold")
def _threshold(told: Alert, _info: Info) -> float:
    return told.rule.threshold


@ALERT.field("mintAddress")
def _mint_address(told: Alert, _info: Info) -> str:
    return told.trade.mint


BINDABLES = [ALERT]
