"""What happens in a slot: who launches, who trades what, and what is due."""

import math
from itertools import accumulate

from curvetape.simulator.boosts import burn, reprice
from curvetape.simulator.calls import (
    CURVE_BUY,
    CURVE_BUY_EXACT,
    CURVE_BUY_EXACT_V3,
    CURVE_BUY_V3,
    CURVE_SELL,
    CURVE_SELL_V3,
    POOL_BUY,
    POOL_BUY_EXACT,
    POOL_BUY_EXACT_V2,
    POOL_BUY_V2,
    POOL_SELL,
    POOL_SELL_V2,
    Kind,
)
from curvetape.simulator.curves import curve_leg
from curvetape.simulator.launches import launch
from curvetape.simulator.legs import LEGS_MAX, Leg
from curvetape.simulator.liquidity import deposit, withdraw
from curvetape.simulator.migrations import migrate
from curvetape.simulator.pools import pool_leg
from curvetape.simulator.state import World
from curvetape.simulator.strangers import stranger
from curvetape.simulator.sweeps import sweep
from curvetape.simulator.tokens import HOLDERS_MAX, Token
from curvetape.simulator.traders import is_bot, size_lamports, someone
from curvetape.simulator.transactions import ROUTERS, Writer
from domain.curve import ImpossibleTradeError

TOKENS_MAX = 400
"""Coins that are traded at one time; the coldest is forgotten for a new one."""
FOUNDERS = 32
"""Coins that a market begins with, several of them wanted, so that no single one is all of it."""
FOUNDERS_SHARE = 0.25
"""So much of a slot's transactions, at least one, launches founders while there are too few."""
TOKENS_MIN = 4
HEAT_MIN = 0.02
"""A coin colder than this is dead."""
POOL_LIFE_FACTOR = 2.5
"""Graduated coins stay wanted so many times longer."""

_LAUNCHES = 0.008
_STRANGERS = 0.008
_FAILURES = 0.03
_UPKEEP = 0.006
_ROUTED = 0.3
_TRIES_MAX = 8
_SEVERAL = 0.12
_POOL_BUY_SHARE = 0.5

_CURVE_BUYS = (CURVE_BUY, CURVE_BUY_EXACT, CURVE_BUY_V3, CURVE_BUY_EXACT_V3, CURVE_BUY_EXACT_V3)
_CURVE_SELLS = (CURVE_SELL, CURVE_SELL_V3)
_POOL_BUYS = (*(POOL_BUY, POOL_BUY_EXACT, *(3 * (POOL_BUY_V2,)), *(5 * (POOL_BUY_EXACT_V2,))),)
_POOL_SELLS = (POOL_SELL, *(4 * (POOL_SELL_V2,)))
_TOGETHER = (CURVE_BUY_EXACT_V3, CURVE_SELL_V3, POOL_BUY_EXACT_V2, POOL_SELL_V2)
"""What bots call several of in one transaction."""


class Activity:
    """Fills one slot after the other with transactions."""

    def __init__(self, world: World, writer: Writer) -> None:
        self._world = world
        self._writer = writer

    def fill(self, count: int) -> None:
        """Write about `count` transactions into the open block."""
        world, random = self._world, self._world.random
        self._migrate_due()
        self._bury()
        self._found(count)
        tokens = world.state.tokens
        while len(tokens) < TOKENS_MIN:
            launch(world, self._writer, hot=len(tokens) < 2)
        weights = list(accumulate(self._weight(token) for token in tokens))
        drawn = random.choices(list(tokens), cum_weights=weights, k=max(count, 1))
        for token in drawn[:count]:
            draw = random.random()
            if draw < _LAUNCHES:
                launch(world, self._writer)
            elif draw < _LAUNCHES + _STRANGERS:
                stranger(world, self._writer)
            elif draw < _LAUNCHES + _STRANGERS + _UPKEEP:
                self._upkeep(token)
            else:
                self._trade_one_of(token, drawn)

    def _found(self, count: int) -> None:
        """Launch the coins that a new market begins with, every fourth of them a wanted one."""
        launched = self._world.state.launched
        for number in range(
            launched, min(FOUNDERS, launched + max(1, int(count * FOUNDERS_SHARE)))
        ):
            launch(self._world, self._writer, hot=number % 4 == 0)

    def _trade_one_of(self, token: Token, others: list[Token]) -> None:
        """A trade with the coin, or with another one when its market cannot make any."""
        for _ in range(_TRIES_MAX):
            if token.tradable and self._trade(token, others):
                return
            token = others[int(self._world.random.random() * len(others))]

    def _weight(self, token: Token) -> float:
        if not token.tradable:
            return 1e-9
        return math.sqrt(token.hotness(self._world.slot)) + token.hotness(self._world.slot)

    def _migrate_due(self) -> None:
        slot = self._world.slot
        for token in list(self._world.state.tokens):
            if token.migrate_slot and token.migrate_slot <= slot:
                migrate(self._world, self._writer, token)
                token.life_slots *= POOL_LIFE_FACTOR
                token.buy_share = _POOL_BUY_SHARE

    def _bury(self) -> None:
        """Forget coins that nobody wants, and the coldest when there are too many."""
        world = self._world
        tokens, slot = world.state.tokens, world.slot
        for token in [token for token in tokens if token.tradable]:
            if token.hotness(slot) < HEAT_MIN:
                world.forget(token)
        if len(tokens) > TOKENS_MAX:
            tradable = [token for token in tokens if token.tradable]
            tradable.sort(key=lambda token: (token.hotness(slot), token.number))
            for token in tradable[: len(tokens) - TOKENS_MAX]:
                world.forget(token)

    def _upkeep(self, token: Token) -> None:
        world, writer, random = self._world, self._writer, self._world.random
        draw = random.random()
        if not token.tradable:
            return
        if token.pool is None:
            if token.mayhem and draw < 0.7:
                reprice(world, writer, token)
            else:
                sweep(world, writer, token)
        elif draw < 0.35:
            sweep(world, writer, token)
        elif draw < 0.6:
            burn(world, writer, token)
        elif token.pool.depositors and draw < 0.75:
            withdraw(world, writer, token, next(iter(token.pool.depositors)))
        elif token.holders:
            deposit(world, writer, token, random.choice(token.holders))

    def _trade(self, token: Token, others: list[Token]) -> bool:
        """Write a transaction with a trade of the coin; False where the market cannot make it."""
        random = self._world.random
        self._world.turn = int(random.random() * 8)
        trader, buys = self._side(token)
        several = token.quoted_in_sol and is_bot(trader) and random.random() < _SEVERAL
        leg = self._leg(token, trader, 0, buys=buys, together=several)
        if leg is None:
            return False
        legs = [leg]
        routed = several or random.random() < _ROUTED
        if several:
            legs += self._more(token, trader, others)
        router = ROUTERS[int(random.random() ** 2 * len(ROUTERS))] if routed else None
        fails = random.random() < _FAILURES
        if several:
            router, fails = ROUTERS[0], False
        self._writer.trades(trader, legs, router=router, fails=fails)
        return True

    def _side(self, token: Token) -> tuple[int, bool]:
        """Who trades, and whether as a buyer."""
        random = self._world.random
        if not token.holders or random.random() < token.buy_share:
            if len(token.holders) >= HOLDERS_MAX:
                return token.holders[int(random.random() * len(token.holders))], True
            return someone(random), True
        return token.holders[int(random.random() * len(token.holders))], False

    def _leg(
        self, token: Token, trader: int, place: int, *, buys: bool, together: bool
    ) -> Leg | None:
        """A trade of the trader's, or None where the market cannot make it."""
        random = self._world.random
        if buys:
            size = int(size_lamports(random, trader) * token.size_factor)
            wanted = token.scaled(size)
        else:
            held = token.held.get(trader, 0)
            wanted = held if random.random() < 0.55 else int(held * random.random())
        make = curve_leg if token.pool is None else pool_leg
        try:
            return make(
                self._world,
                token,
                trader,
                self._kind(token, buys=buys, together=together),
                wanted,
                place,
            )
        except ImpossibleTradeError:
            return None

    def _kind(self, token: Token, *, buys: bool, together: bool) -> Kind:
        random = self._world.random
        if together:
            return _TOGETHER[2 * (token.pool is not None) + (not buys)]
        kinds: tuple[Kind, ...]
        if token.pool is not None:
            kinds = _POOL_BUYS if buys else _POOL_SELLS
        elif token.quoted_in_sol:
            kinds = _CURVE_BUYS if buys else _CURVE_SELLS
        else:
            return CURVE_BUY_EXACT_V3 if buys else CURVE_SELL_V3
        return kinds[int(random.random() * len(kinds))]

    def _more(self, token: Token, trader: int, others: list[Token]) -> list[Leg]:
        """Further trades of a bot in the same transaction, each with a coin of its own."""
        random = self._world.random
        legs: list[Leg] = []
        creators = {token.creator}
        for _ in range(1 + int(random.random() ** 4 * (LEGS_MAX - 1))):
            other = others[int(random.random() * len(others))]
            if not (other.tradable and other.quoted_in_sol) or other.mayhem:
                continue
            if other.creator not in creators:
                buys = trader not in other.held
                leg = self._leg(other, trader, len(legs) + 1, buys=buys, together=True)
                if leg is not None:
                    creators.add(other.creator)
                    legs.append(leg)
        return legs
