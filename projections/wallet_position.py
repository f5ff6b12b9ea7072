"""What a wallet has of a token by its trades: balance, average cost and realised profit.

The method is average cost, in integers of the smallest units. A buy adds what was paid to the cost
of what is held. A sale takes the part of that cost that its tokens are of those held, rounded down
once: the fraction of a unit stays with the tokens that are left, and the sale of the last of them
takes all that is left of the cost, so no unit is ever lost or made.

Tokens that are sold without having been bought by a trade came by a transfer, and nobody knows what
they cost. Such a sale, or that part of it, is kept apart and is no profit.

The result depends on the order of the trades, which is that of the chain.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

import msgspec

DAY_S = 86_400


class WalletTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade as its wallet sees it."""

    pos: int
    """`Position.order_key`."""
    time_s: int
    bought: bool
    """Whether the wallet got tokens."""
    token_amount: int
    """Token units that it got or gave."""
    quote_amount: int
    """Quote units that it paid or was paid, with the fees where they are known."""
    fee_amount: int | None
    """Quote units of all fees in `quote_amount`; None where the event does not say."""


class WalletPosition(msgspec.Struct, gc=False):
    """One wallet's trades of one token for one quote mint, folded; mutable while it is folded.

    Amounts of tokens are token units, all others quote units with the fees that are known.
    """

    first_pos: int
    first_time_s: int
    last_pos: int
    """The fold holds all trades up to here."""
    last_time_s: int
    buys: int = 0
    sells: int = 0
    bought_amount: int = 0
    spent_amount: int = 0
    sold_amount: int = 0
    received_amount: int = 0
    cost_amount: int = 0
    """What the balance cost."""
    unbought_amount: int = 0
    """Tokens sold that no trade had bought, so that their cost is not known."""
    unbought_quote_amount: int = 0
    """The part of `received_amount` that was paid for these."""
    fee_amount: int = 0
    """The fees that are known."""
    trades_without_fee: int = 0
    """Trades whose fees are not known; the fees of these are in no amount."""

    @property
    def balance(self) -> int:
        """Token units that were bought and not sold."""
        return self.bought_amount - self.sold_amount + self.unbought_amount

    @property
    def realised_amount(self) -> int:
        """What sales of bought tokens brought, less what these had cost; negative for a loss."""
        cost_of_sold = self.spent_amount - self.cost_amount
        return self.received_amount - self.unbought_quote_amount - cost_of_sold


class Day(msgspec.Struct, gc=False):
    """What was sold within a day of UTC; the change of it where trades came late."""

    realised_amount: int = 0
    received_amount: int = 0
    unbought_quote_amount: int = 0
    sells: int = 0

    def add(self, other: "Day") -> None:
        """Take over what the other one holds."""
        self.realised_amount += other.realised_amount
        self.received_amount += other.received_amount
        self.unbought_quote_amount += other.unbought_quote_amount
        self.sells += other.sells

    def take_off(self, other: "Day") -> None:
        """Take off what the other one holds."""
        self.realised_amount -= other.realised_amount
        self.received_amount -= other.received_amount
        self.unbought_quote_amount -= other.unbought_quote_amount
        self.sells -= other.sells


Days: TypeAlias = dict[int, Day]
"""By the start of the day, in seconds since 1970; only those with a sale."""


class Folded(msgspec.Struct, frozen=True, gc=False):
    """A position, and what to add to the days that led to it."""

    position: WalletPosition
    days: Days


def is_late(position: WalletPosition | None, trades: Sequence[WalletTrade]) -> bool:
    """Whether one of the trades, in order, comes before what the position holds."""
    return position is not None and trades[0].pos <= position.last_pos


def advanced(position: WalletPosition | None, trades: Sequence[WalletTrade]) -> Folded:
    """The position after some more trades, in order; None stands for one before the first trade.

    Changes the position that it is given.
    """
    assert trades, "a position begins with a trade"
    assert not is_late(position, trades), "trades are folded in the order of the chain"
    if position is None:
        first = trades[0]
        position = WalletPosition(first.pos, first.time_s, first.pos, first.time_s)
    days: Days = {}
    for trade in trades:
        if trade.fee_amount is None:
            position.trades_without_fee += 1
        else:
            position.fee_amount += trade.fee_amount
        if trade.bought:
            position.buys += 1
            position.bought_amount += trade.token_amount
            position.spent_amount += trade.quote_amount
            position.cost_amount += trade.quote_amount
        else:
            _sell(position, trade, days)
    last = trades[-1]
    position.last_pos, position.last_time_s = last.pos, last.time_s
    return Folded(position, days)


def revised(before: Sequence[WalletTrade], late: Iterable[WalletTrade]) -> Folded:
    """The position with trades that came too late for the order in which `before` was folded.

    A trade that is there already changes nothing.
    """
    every = {trade.pos: trade for trade in (*late, *before)}
    old = advanced(None, before)
    new = advanced(None, sorted(every.values(), key=attrgetter("pos")))
    for day_s, day in old.days.items():
        new.days[day_s].take_off(day)
    return new


def _sell(position: WalletPosition, trade: WalletTrade, days: Days) -> None:
    # Not `position.balance`: this runs for every sale.
    held = position.bought_amount - position.sold_amount + position.unbought_amount
    amount, received = trade.token_amount, trade.quote_amount
    known = min(amount, held)
    # Of a sale of both kinds of tokens, each is paid for as it is in number.
    received_for_known = received if known == amount else received * known // amount
    cost = position.cost_amount
    cost_of_sold = cost if known == held else cost * known // held
    position.sells += 1
    position.sold_amount += amount
    position.received_amount += received
    position.cost_amount = cost - cost_of_sold
    position.unbought_amount += amount - known
    position.unbought_quote_amount += received - received_for_known
    day_s = trade.time_s - trade.time_s % DAY_S
    sold = Day(received_for_known - cost_of_sold, received, received - received_for_known, 1)
    day = days.get(day_s)
    if day is None:
        days[day_s] = sold
    else:
        day.add(sold)
