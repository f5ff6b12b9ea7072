"""Trades that somebody asked to be told of: rules over a token's trades, or over those of all.

Nothing is kept: a rule begins with the first trade that it is shown.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from api.representations import Trade

AlertKind: TypeAlias = Literal[
    "price_above",
    "price_below",
    "price_change",
    "liquidity_change",
    "volume_spike",
    "whale_trade",
]
OF_ONE_TRADE: frozenset[AlertKind] = frozenset({"whale_trade"})
"""Kinds that ask nothing but the trade itself, so they may be about all tokens at once."""

USUAL_TRADES_MIN, USUAL_TRADES_MAX = 10, 100
"""Of how many trades before it a volume spike is a multiple of the mean."""


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be told of."""

    id: str
    kind: AlertKind
    threshold: float
    """A price or amount in the currency, a share of what was before, or a multiple of the usual."""
    currency: Literal["quote", "usd"]
    """Of prices and amounts: whole quote coins or US dollars."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule came true with a trade."""

    rule: AlertRule
    value: float
    """The price or amount, the change as a signed share, or how many times the usual it was."""
    trade: Trade


class _Watch(Protocol):
    def value(self, trade: Trade) -> float | None:
        """What is to be told of a trade that makes the rule true; None where it does not."""
        ...


class Alerts:
    """The rules of one who asked, and what they have seen."""

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        self._watches: Sequence[tuple[AlertRule, _Watch]] = [(it, _watch(it)) for it in rules]
        self._slot = 0
        """The highest that a trade was of."""

    def take(self, trade: Trade) -> Iterator[Alert]:
        """The alerts of a trade; to be shown all of them in the log's order, each once.

        One of a slot that was fetched late, as to fill a gap, says nothing of how things stand now.
        """
        is_late = trade.slot < self._slot
        self._slot = max(trade.slot, self._slot)
        for rule, watch in self._watches:
            if is_late and rule.kind not in OF_ONE_TRADE:
                continue
            value = watch.value(trade)
            if value is not None:
                yield Alert(rule=rule, value=value, trade=trade)


def _watch(rule: AlertRule) -> _Watch:
    match rule.kind:
        case "price_above" | "price_below":
            return _Crossing(rule)
        case "price_change":
            return _PriceChange(rule)
        case "liquidity_change":
            return _LiquidityChange(rule)
        case "volume_spike":
            return _Spike(rule)
        case "whale_trade":
            return _Whale(rule)


class _Whale:
    """A trade of at least so much, in whichever venue."""

    def __init__(self, rule: AlertRule) -> None:
        self._least, self._usd = rule.threshold, rule.currency == "usd"

    def value(self, trade: Trade) -> float | None:
        amount = trade.amount_usd if self._usd else trade.quote_amount
        return amount if amount is not None and amount >= self._least else None


class _Crossing:
    """A price beyond a limit, told once until it has been back."""

    def __init__(self, rule: AlertRule) -> None:
        self._rule = rule
        self._sign = 1 if rule.kind == "price_above" else -1
        self._beyond = False

    def value(self, trade: Trade) -> float | None:
        price = _price(trade, self._rule)
        if price is None:
            return None
        was, self._beyond = self._beyond, self._sign * (price - self._rule.threshold) > 0
        return price if self._beyond and not was else None


class _Change:
    """How far a figure is from where it was when it was first seen, or told of last."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._from: float | None = None

    def forget(self) -> None:
        self._from = None

    def of(self, figure: float) -> float | None:
        if not self._from:  # nothing is a share of nothing
            self._from = figure
            return None
        change = figure / self._from - 1
        if abs(change) < self._least:
            return None
        self._from = figure
        return change


class _PriceChange:
    """A price that has moved by at least such a share."""

    def __init__(self, rule: AlertRule) -> None:
        self._rule = rule
        self._change = _Change(rule.threshold)

    def value(self, trade: Trade) -> float | None:
        price = _price(trade, self._rule)
        return None if price is None else self._change.of(price)


class _LiquidityChange:
    """Quote reserves that have moved by such a share; those of a new venue are another figure."""

    def __init__(self, rule: AlertRule) -> None:
        self._change = _Change(rule.threshold)
        self._place: tuple[str, str | None] | None = None

    def value(self, trade: Trade) -> float | None:
        if not trade.canonical:
            return None
        place = (trade.venue, trade.pool)
        if place != self._place:
            self._place = place
            self._change.forget()
        return self._change.of(float(trade.quote_reserves_units))


class _Spike:
    """A trade so many times as large as those before it usually were, in the same quote."""

    def __init__(self, rule: AlertRule) -> None:
        self._least = rule.threshold
        self._quote_mint: str | None = None
        self._amounts: deque[int] = deque()
        self._total = 0

    def value(self, trade: Trade) -> float | None:
        if not trade.canonical:
            return None
        amounts, amount = self._amounts, int(trade.quote_amount_units)
        if trade.quote_mint != self._quote_mint:
            self._quote_mint = trade.quote_mint
            amounts.clear()
            self._total = 0
        total, count = self._total, len(amounts)
        amounts.append(amount)
        self._total += amount - (amounts.popleft() if count == USUAL_TRADES_MAX else 0)
        if count < USUAL_TRADES_MIN or not total:
            return None
        multiple = amount * count / total
        return multiple if multiple >= self._least else None


def _price(trade: Trade, rule: AlertRule) -> float | None:
    """Of a trade that counts for the chart, in the rule's currency; None where it is unknown."""
    if not trade.canonical:
        return None
    return trade.price_usd if rule.currency == "usd" else trade.price
