"""What a wallet did with a token, and how its token began: facts that merge in any order."""

import msgspec


class Launch(msgspec.Struct, frozen=True, gc=False):
    """A token's launch, as far as it tells who is who among the holders."""

    pos: int
    creator: str | None
    launcher: str
    """Who sent the launch; nearly always the creator, too."""
    bonding_curve: str


class Liquidity(msgspec.Struct, frozen=True, gc=False):
    """Tokens that a wallet took out of a pool or put into it, which trades do not tell of."""

    time_s: int
    wallet: str
    amount: int
    """What came to the wallet, in token units; negative for what it put in."""


class Holding(msgspec.Struct, gc=False):
    """A wallet's moves of a token that the log shows: trades, and liquidity put in or taken out.

    Amounts are token units. Positions are `Position.order_key`.
    """

    first_pos: int
    first_time_s: int
    last_pos: int
    last_time_s: int
    first_buy_pos: int | None = None
    bought: int = 0
    sold: int = 0
    deposited: int = 0
    """Put into pools as liquidity."""
    withdrawn: int = 0
    """Taken out of pools as liquidity."""
    reported: int | None = None
    """What the wallet's accounts held after the transaction of the last move; None where it does
    not say."""

    @property
    def net(self) -> int:
        """What the moves alone would leave; negative where it gave away what came by a transfer."""
        return self.bought - self.sold + self.withdrawn - self.deposited

    @property
    def balance(self) -> int:
        """What the wallet holds: as reported, else as far as the moves show."""
        return max(self.net, 0) if self.reported is None else self.reported

    @property
    def received(self) -> int:
        """What must have come otherwise than by these moves, so by a transfer: at least so much."""
        return max(self.balance - self.net, 0)

    @property
    def sent(self) -> int:
        """What must have left otherwise, by a transfer or a burn: at least so much."""
        return max(self.net - self.balance, 0)

    def moved_at(self, pos: int, time_s: int, reported: int | None) -> None:
        """Note when a move was, and what its transaction reported."""
        if pos < self.first_pos:
            self.first_pos, self.first_time_s = pos, time_s
        if pos > self.last_pos:
            self.last_pos, self.last_time_s, self.reported = pos, time_s, reported

    def bought_at(self, pos: int | None) -> None:
        """Note where a buy was; the first one stays."""
        if pos is not None and (self.first_buy_pos is None or pos < self.first_buy_pos):
            self.first_buy_pos = pos

    def absorb(self, other: "Holding") -> None:
        """Take over all that the other knows of the same wallet and token; leaves it alone."""
        if other.first_pos < self.first_pos:
            self.first_pos, self.first_time_s = other.first_pos, other.first_time_s
        self.moved_at(other.last_pos, other.last_time_s, other.reported)
        self.bought_at(other.first_buy_pos)
        self.bought += other.bought
        self.sold += other.sold
        self.deposited += other.deposited
        self.withdrawn += other.withdrawn
