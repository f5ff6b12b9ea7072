"""A change of a token's card: groups of facts, each guarded by the position that it is from."""

import msgspec

from projections.token_description import Described


class Created(msgspec.Struct, frozen=True, gc=False):
    """The launch."""

    pos: int
    time_s: int
    name: str
    symbol: str
    uri: str
    creator: str | None
    bonding_curve: str
    quote_mint: str
    initial_real_token_reserves: int | None
    user: str | None = None
    """Who launched it; mostly, but not always, the creator."""
    supply: int | None = None


class Priced(msgspec.Struct, frozen=True, gc=False):
    """The reserves that price the token, and the price; None where they make none."""

    pos: int
    price: float | None
    virtual_quote_reserves: int
    virtual_token_reserves: int
    held_quote_reserves: int | None = None
    """The quote that curve or pool really holds then; a launch does not report it."""


class High(msgspec.Struct, frozen=True, gc=False):
    """The highest price that a trade made, and the supply where the trade itself reported it."""

    pos: int
    time_s: int
    price: float
    supply: int | None


class CurveReserves(msgspec.Struct, frozen=True, gc=False):
    """What the bonding curve holds; a launch does not report the quote side."""

    pos: int
    real_quote_reserves: int | None
    real_token_reserves: int


class Supplied(msgspec.Struct, frozen=True, gc=False):
    """The supply as a program reported it."""

    pos: int
    supply: int


class Reported(msgspec.Struct, frozen=True, gc=False):
    """What a launch, new virtual reserves or a burn said; None where it did not.

    The card keeps the last of it. A card of the past is put together from these and from trades.
    """

    price: float | None
    virtual_quote_reserves: int | None
    virtual_token_reserves: int | None
    held_quote_reserves: int | None
    real_token_reserves: int | None
    """What the curve holds of the token; None in a pool."""
    supply: int | None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Something that happens to a token once."""

    pos: int
    time_s: int


class Graduated(msgspec.Struct, frozen=True, gc=False):
    """The migration to the canonical pool, and what it moved there."""

    pos: int
    time_s: int
    pool: str
    token_amount: int
    quote_amount: int
    fee_amount: int


class Pooled(msgspec.Struct, frozen=True, gc=False):
    """The token's canonical pool."""

    pos: int
    pool: str


class Traded(msgspec.Struct, frozen=True, gc=False):
    """A trade that counts, as the first or the last one."""

    pos: int
    time_s: int
    quote_mint: str


class TokenChange(msgspec.Struct):
    """What some events say about one token.

    Each `…_at` keeps the group from the position that counts: the lowest for what happens once or
    first, the highest for what is current. So changes merge in any order.
    """

    created: Created | None = None
    priced: Priced | None = None
    curve_reserves: CurveReserves | None = None
    supplied: Supplied | None = None
    completed: Placed | None = None
    graduated: Graduated | None = None
    pooled: Pooled | None = None
    first_trade: Traded | None = None
    last_trade: Traded | None = None
    described: Described | None = None
    high: High | None = None
    quote_decimals: int | None = None
    token_decimals: int | None = None
    burned: dict[int, int] = {}
    """Token units burned, by position; they lessen a supply reported before."""
    reported: dict[int, Reported] = {}
    """By position."""
    trades: int = 0
    buys: int = 0
    sells: int = 0
    volume_quote: int = 0

    def absorb(self, other: "TokenChange") -> None:
        """Take over all that the other change says; leaves the other alone."""
        self.created_at(other.created)
        self.priced_at(other.priced)
        self.curve_reserves_at(other.curve_reserves)
        self.supplied_at(other.supplied)
        self.completed_at(other.completed)
        self.graduated_at(other.graduated)
        self.pooled_at(other.pooled)
        self.traded_at(other.first_trade)
        self.traded_at(other.last_trade)
        self.described_at(other.described)
        self.high_at(other.high)
        self.decimals_are(other.quote_decimals, other.token_decimals)
        self.burned = self.burned | other.burned
        self.reported = self.reported | other.reported
        self.trades += other.trades
        self.buys += other.buys
        self.sells += other.sells
        self.volume_quote += other.volume_quote

    @property
    def supply(self) -> int | None:
        """The last reported supply, less what was burned after that report."""
        if self.supplied is None:
            return None
        later = (amount for pos, amount in self.burned.items() if pos > self.supplied.pos)
        return self.supplied.supply - sum(later)

    @property
    def supply_at_high(self) -> int | None:
        """The supply when the price was highest.

        As the trade reported it, else that of the launch less what had been burned by then.
        """
        if self.high is None:
            return None
        if self.high.supply is not None or self.created is None or self.created.supply is None:
            return self.high.supply
        high = self.high.pos
        return self.created.supply - sum(
            amount for pos, amount in self.burned.items() if pos < high
        )

    def created_at(self, fact: Created | None) -> None:
        """Keep the first."""
        if fact is not None and (self.created is None or fact.pos < self.created.pos):
            self.created = fact

    def priced_at(self, fact: Priced | None) -> None:
        """Keep the last."""
        if fact is not None and (self.priced is None or fact.pos > self.priced.pos):
            self.priced = fact

    def curve_reserves_at(self, fact: CurveReserves | None) -> None:
        """Keep the last."""
        if fact is not None and (self.curve_reserves is None or fact.pos > self.curve_reserves.pos):
            self.curve_reserves = fact

    def supplied_at(self, fact: Supplied | None) -> None:
        """Keep the last."""
        if fact is not None and (self.supplied is None or fact.pos > self.supplied.pos):
            self.supplied = fact

    def completed_at(self, fact: Placed | None) -> None:
        """Keep the first."""
        if fact is not None and (self.completed is None or fact.pos < self.completed.pos):
            self.completed = fact

    def graduated_at(self, fact: Graduated | None) -> None:
        """Keep the first."""
        if fact is not None and (self.graduated is None or fact.pos < self.graduated.pos):
            self.graduated = fact

    def pooled_at(self, fact: Pooled | None) -> None:
        """Keep the first."""
        if fact is not None and (self.pooled is None or fact.pos < self.pooled.pos):
            self.pooled = fact

    def traded_at(self, fact: Traded | None) -> None:
        """Keep the first and the last."""
        if fact is None:
            return
        if self.first_trade is None or fact.pos < self.first_trade.pos:
            self.first_trade = fact
        if self.last_trade is None or fact.pos > self.last_trade.pos:
            self.last_trade = fact

    def described_at(self, fact: Described | None) -> None:
        """Keep the last attempt."""
        if fact is not None and (self.described is None or fact.attempt > self.described.attempt):
            self.described = fact

    def high_at(self, fact: High | None) -> None:
        """Keep the highest, and among equals the first."""
        if fact is not None and self.is_high(fact.price, fact.pos):
            self.high = fact

    def is_high(self, price: float, pos: int) -> bool:
        """Whether a trade there at this price is the highest so far."""
        high = self.high
        return high is None or price > high.price or (price == high.price and pos < high.pos)

    def decimals_are(self, quote: int | None, token: int | None) -> None:
        """Note what is known; a mint's decimals never change, so the larger is the known one."""
        if quote is not None and (self.quote_decimals is None or quote > self.quote_decimals):
            self.quote_decimals = quote
        if token is not None and (self.token_decimals is None or token > self.token_decimals):
            self.token_decimals = token
