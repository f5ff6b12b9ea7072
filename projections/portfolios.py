"""The portfolios read model: what each wallet bought and sold, token by token.

The core gives trades and no positions: these depend on the order of a wallet's trades, which may
come late. The store folds them with `projections.wallet_position`.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar, TypeAlias

from domain.events import CompletionTraded, CurveTraded, PoolTraded
from domain.log import Recorded
from projections.batch import fills
from projections.portfolio_reads import plain_quote
from projections.price import Fill
from projections.wallet_position import WalletTrade

Pair: TypeAlias = tuple[str, str, str]
"""Wallet, mint and quote mint. SOL is one quote mint, whether it is wrapped or not."""
Changes: TypeAlias = dict[Pair, list[WalletTrade]]
"""Trades by pair, in the order of the chain."""

_BY_POS = attrgetter("pos")


class Portfolios:
    """From events to the trades of wallets."""

    name: ClassVar = "portfolios"
    version: ClassVar = 1
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """The trades of the batch, in every venue.

        `PositionOutOfRangeError` for one that has no place on a chain.
        """
        changes: Changes = {}
        for trade in fills(batch):
            if trade is not None:
                _add(changes, trade)
        _sort(changes)
        return changes


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    merged = {pair: list(trades) for pair, trades in first.items()}
    for pair, trades in second.items():
        merged.setdefault(pair, []).extend(trades)
    _sort(merged)
    return merged


def _sort(changes: Changes) -> None:
    for trades in changes.values():
        if len(trades) > 1:
            trades.sort(key=_BY_POS)


def _add(changes: Changes, seen: Fill) -> None:
    event = seen.event
    pos = seen.pos or event.pos.order_key
    if isinstance(event, PoolTraded):
        quote_mint = event.base_mint if seen.is_turned else event.quote_mint
        trade = _in_turned_pool(event, pos) if seen.is_turned else _in_pool(event, pos)
    else:
        quote_mint, trade = event.quote_mint, _on_curve(event, pos)
    pair = (event.user, event.mint, plain_quote(quote_mint))
    trades = changes.get(pair)
    if trades is None:
        changes[pair] = [trade]
    else:
        trades.append(trade)


def _on_curve(event: CurveTraded | CompletionTraded, pos: int) -> WalletTrade:
    """A curve reports its own side; the fees come on top of what it took, or off what it gave.

    The parts for buybacks and for holders are taken from these fees. A cashback is paid like a fee,
    in place of the creator's, and is the user's again only once it is claimed.
    """
    fee = event.fee
    quote_amount = event.quote_amount
    bought = event.side == "buy"
    if fee is not None:
        fee += event.creator_fee or 0
        if isinstance(event, CurveTraded):
            fee += event.cashback or 0
        quote_amount += fee if bought else -fee
    return WalletTrade(pos, event.block_time_s, bought, event.token_amount, quote_amount, fee)


def _in_pool(event: PoolTraded, pos: int) -> WalletTrade:
    bought = event.side == "buy"
    paid = event.user_quote_amount
    fee = paid - event.quote_amount if bought else event.quote_amount - paid
    return WalletTrade(pos, event.block_time_s, bought, event.base_amount, paid, fee)


def _in_turned_pool(event: PoolTraded, pos: int) -> WalletTrade:
    """What the pool calls its quote is the token, so its fees are tokens: none of them is quote."""
    return WalletTrade(
        pos,
        event.block_time_s,
        event.side == "sell",
        event.user_quote_amount,
        event.base_amount,
        0,
    )
