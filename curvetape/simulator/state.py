"""All that the market remembers between two slots, and what it works with inside one."""

from random import Random

import msgspec

from curvetape.simulator.tokens import Book, Token
from curvetape.simulator.traders import LAMPORTS_MIN, Crowd, Purses


class Identity(msgspec.Struct, frozen=True):
    """What a chain is made from: the same identity always makes the same blocks."""

    seed: int
    rate_per_s: float
    slot_ms: int
    genesis_time_s: int


class Skip(msgspec.Struct, frozen=True):
    """Slots that were left out on request: the chain went on at `to_slot`."""

    at_slot: int
    to_slot: int


class State(msgspec.Struct, kw_only=True):
    """The whole market before the block of `slot`."""

    identity: Identity
    slot: int
    parent_slot: int
    block_height: int
    launched: int = 0
    """How many coins there have been."""
    sol_price: float
    """US dollars."""
    sol_price_average: float
    priced_second: int = 0
    """The last second in which the oracle's account was written."""
    write_version: int = 1_000_000_000
    tokens: list[Token] = []
    purses: Purses = msgspec.field(default_factory=Purses)
    skips: list[Skip] = []


def chance(seed: int) -> Random:
    """A source of chance that always draws the same from the same seed."""
    return Random(seed)  # noqa: S311 - a market's chance, not a secret


class World:
    """One slot's view of the market, handed to everything that makes transactions."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.purses = state.purses
        self.crowd = Crowd(state.identity.seed)
        self.slot = state.slot
        self.now_s = state.identity.genesis_time_s
        self.turn = 0
        """Which of the fee recipients is next."""
        self.random = chance(0)
        self._books: dict[int, Book] = {}

    def open_slot(self, slot: int, now_s: int, random: Random) -> None:
        """Go on to a slot with its own source of chance."""
        self.slot, self.now_s, self.random = slot, now_s, random
        self.turn = 0

    def book(self, token: Token) -> Book:
        """A coin's addresses."""
        known = self._books.get(token.number)
        if known is None:
            known = self._books[token.number] = Book(token)
        return known

    def forget(self, token: Token) -> None:
        """Drop what is kept about a coin that nobody trades any more."""
        book, tokens, purses = self.book(token), self.state.tokens, self.purses
        del self._books[token.number]
        tokens.remove(token)
        if token.holder_reward:
            purses.accounts.pop(book.creator_vault, None)
            purses.accounts.pop(book.pool.creator_vault_quote, None)
        for quote in (token.mint, token.quote_mint):
            kept = (quote in (other.mint, other.quote_mint) for other in tokens)
            if quote in purses.quotes and not any(kept):
                del purses.quotes[quote]

    def lamports(self, trader: int, needed: int) -> int:
        """A trader's balance, topped up from elsewhere when it cannot pay for what is coming."""
        held = self.purses.lamports.get(trader, 0)
        if held < needed + LAMPORTS_MIN:
            held = needed + LAMPORTS_MIN + int(self.random.paretovariate(1.1) * 3e9) % 10**13
            self.purses.lamports[trader] = held
        return held

    def quote(self, quote_mint: bytes, trader: int, needed: int) -> int:
        """The same for a token in which coins are quoted."""
        purse = self.purses.quotes.setdefault(quote_mint, {})
        held = purse.get(trader, 0)
        if held < needed:
            held = needed * 2 + int(needed * 8 * self.random.random())
            purse[trader] = held
        return held

    def account(self, address: bytes) -> int:
        """What an account of a fee recipient or creator holds, beside its rent."""
        return self.purses.accounts.get(address, 0)
