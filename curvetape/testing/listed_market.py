"""A market of a few tokens of which every trade is told as the programs would tell it."""

import itertools

from curvetape.testing.events import (
    GENESIS_S,
    completed,
    created,
    curve_traded,
    migrated,
    pool_traded,
)
from domain.events import AnyEvent
from domain.programs import USDC

VIRTUAL_QUOTE, VIRTUAL_TOKEN = 30 * 10**9, 279_900_000_000_000
"""What a curve's virtual reserves are above its real ones."""
HOUR_S = GENESIS_S - GENESIS_S % 3_600 + 3_600
"""Begins among the trades, 15 of them in."""
START_S = HOUR_S - 15 * 7
LAUNCHED_TOKENS = 793_100_000_000_000
SOL_MAX = 1_500
"""No curve sells more."""


class Market:
    """Makes up what a curve or a pool reports, one trade after another, seven seconds apart."""

    def __init__(self) -> None:
        self._slot = itertools.count(1)
        self._curves: dict[str, tuple[int, int]] = {}
        self._quotes: dict[str, str] = {}
        self._pools: set[str] = set()

    def _at(self) -> tuple[int, dict[str, int]]:
        """The next slot, and its time: seven seconds after the one before."""
        slot = next(self._slot)
        return slot, {"block_time_s": START_S + 7 * slot}

    def happens(self, mint: str, what: str, sol: int) -> list[AnyEvent]:
        """What comes of a wish: a first one launches, one for a graduate trades in its pool."""
        events: list[AnyEvent] = []
        if mint not in self._curves:
            quote = {} if _number(mint) % 3 else {"quote_mint": USDC, "quote_decimals": 6}
            slot, at = self._at()
            events.append(created(slot, mint, **quote, **at))
            self._quotes[mint] = str(quote.get("quote_mint", ""))
            self._curves[mint] = (0, LAUNCHED_TOKENS)
            if what == "launch":
                return events
        if mint in self._pools:
            reserves = {"pool_quote_reserves": (84 + sol) * 10**9, "quote_amount": sol * 10**9}
            slot, at = self._at()
            return [*events, pool_traded(slot, mint, **reserves, **at)]
        quote_held, token_held = self._curves[mint]
        amount = sol * 10**9
        side = "sell" if what == "sell" and quote_held > amount else "buy"
        if quote_held + amount > SOL_MAX * 10**9:
            side = "sell"
        quote_held += amount if side == "buy" else -amount
        token_held = LAUNCHED_TOKENS - quote_held * 500
        self._curves[mint] = (quote_held, token_held)
        fields = {} if not self._quotes[mint] else {"quote_mint": USDC, "quote_decimals": 6}
        slot, at = self._at()
        events.append(
            curve_traded(
                slot,
                mint,
                side=side,
                quote_amount=amount,
                real_quote_reserves=quote_held,
                real_token_reserves=token_held,
                virtual_quote_reserves=quote_held + VIRTUAL_QUOTE,
                virtual_token_reserves=token_held + VIRTUAL_TOKEN,
                **fields,
                **at,
            )
        )
        return events

    def completes(self, mint: str) -> list[AnyEvent]:
        """Its curve is full, and it waits for its pool."""
        if mint not in self._curves or mint in self._pools:
            return []
        filled, filled_at = self._at()
        return [completed(filled, mint, **filled_at)]

    def graduates(self, mint: str) -> list[AnyEvent]:
        """Its curve is full, it migrates and trades in its pool."""
        if mint not in self._curves or mint in self._pools:
            return []
        self._pools.add(mint)
        (filled, filled_at), (moved, moved_at) = self._at(), self._at()
        return [
            completed(filled, mint, **filled_at),
            migrated(moved, mint, **moved_at),
            *self.happens(mint, "buy", 1),
        ]


def _number(mint: str) -> int:
    return int(mint.removeprefix("mint"))
