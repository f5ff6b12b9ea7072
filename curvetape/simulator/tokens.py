"""A coin of the generated market: its curve, its pool, its holders and how popular it is."""

import math
from random import Random

import msgspec

from curvetape.simulator import accounts
from curvetape.simulator.accounts import (
    NOBODY,
    TOKEN,
    TOKEN_2022,
    USDC_KEY,
    WSOL_KEY,
    associated,
    text,
)
from curvetape.simulator.balances import texts
from domain.curve import CurveReserves
from domain.pool import PoolReserves

HOLDERS_MAX = 400
"""Holders of one coin; from then on those who have it do the buying."""


class Shareholder(msgspec.Struct, frozen=True):
    """Someone with a share of a coin's creator fees."""

    address: bytes
    share_bps: int


class Pool(msgspec.Struct):
    """A graduated coin's pool, in the smallest units of its two mints."""

    reserves: PoolReserves
    lp_supply: int
    boost_quote: int
    """What is left in the boost vault."""
    protocol_unclaimed: int = 0
    creator_unclaimed: int = 0
    depositors: dict[int, int] = {}
    """LP tokens by trader."""


class Token(msgspec.Struct, kw_only=True):
    """All that the market has to remember about a coin."""

    number: int
    mint: bytes
    creator: bytes
    creator_trader: int
    quote_mint: bytes
    """32 zero bytes for native SOL."""
    quote_decimals: int
    virtual_quote_initial: int
    mayhem: bool
    holder_reward: bool
    creator_fee_bps: int
    """0 for the schedule's rate."""
    shareholders: tuple[Shareholder, ...]
    born_slot: int
    heat: float
    """Its share of the trading, relative to the others', when it was launched."""
    life_slots: float
    """Slots in which its heat falls to a third."""
    buy_share: float
    size_factor: float
    supply: int
    curve: CurveReserves
    curve_protocol_unclaimed: int = 0
    curve_creator_unclaimed: int = 0
    pool_base_out: int = 0
    """Base and quote of the buy beyond completion, at the price of the pool to come."""
    pool_quote_in: int = 0
    migrate_slot: int = 0
    """When a full curve is due for migration; 0 while it is not full or has been migrated."""
    pool: Pool | None = None
    held: dict[int, int] = {}
    """Units by trader."""
    holders: list[int] = []
    """The keys of `held`, to draw from."""

    @property
    def quoted_in_sol(self) -> bool:
        """Whether its curve takes native SOL."""
        return self.quote_mint == NOBODY

    @property
    def tradable(self) -> bool:
        """Whether it has a market now: not between completion and migration."""
        return self.pool is not None or not self.curve.complete

    def hotness(self, slot: int) -> float:
        """Its weight among all coins in a slot."""
        return self.heat * math.exp((self.born_slot - slot) / self.life_slots)

    def give(self, trader: int, amount: int) -> None:
        """Add units to a trader's holding."""
        if trader in self.held:
            self.held[trader] += amount
        else:
            self.held[trader] = amount
            self.holders.append(trader)

    def take(self, trader: int, amount: int) -> None:
        """Take units off a trader's holding."""
        left = self.held[trader] - amount
        if left:
            self.held[trader] = left
            return
        del self.held[trader]
        place = self.holders.index(trader)
        self.holders[place] = self.holders[-1]
        self.holders.pop()

    def scaled(self, lamports: int) -> int:
        """An amount of SOL in the coin's own quote, at the rate at which coins are launched."""
        return lamports * self.virtual_quote_initial // 30_000_000_000


class Book:
    """The addresses that belong to a coin; derived once, never stored."""

    def __init__(self, token: Token) -> None:
        mint, quote = token.mint, token.quote_mint
        self.mint = mint
        self.quote_mint = WSOL_KEY if token.quoted_in_sol else quote
        self.quote_program = TOKEN if quote in (NOBODY, USDC_KEY) else TOKEN_2022
        self.curve = accounts.bonding_curve(mint)
        self.curve_ata = associated(self.curve, mint)
        self.curve_quote_ata = associated(self.curve, self.quote_mint, self.quote_program)
        self.creator_vault = accounts.creator_vault(token.creator)
        self.creator_vault_quote = associated(
            self.creator_vault, self.quote_mint, self.quote_program
        )
        self.mint_texts = texts(mint, TOKEN_2022)
        self.quote_texts = texts(self.quote_mint, self.quote_program)
        self.curve_text = text(self.curve)
        self._token = token
        self._pool: PoolBook | None = None

    @property
    def pool(self) -> "PoolBook":
        """The addresses of its canonical pool, whether there is one yet or not."""
        if self._pool is None:
            self._pool = PoolBook(self, self._token)
        return self._pool


class PoolBook:
    """The addresses that belong to a coin's canonical pool."""

    def __init__(self, book: Book, token: Token) -> None:
        quote, program = book.quote_mint, book.quote_program
        self.authority = accounts.pool_authority(book.mint)
        self.address, self.bump = accounts.canonical_pool(book.mint, quote)
        self.lp_mint = accounts.lp_mint(self.address)
        self.base = associated(self.address, book.mint)
        self.quote = associated(self.address, quote, program)
        self.authority_base = associated(self.authority, book.mint)
        self.authority_quote = associated(self.authority, quote, program)
        self.creator_vault = accounts.coin_creator_vault(token.creator)
        self.creator_vault_quote = associated(self.creator_vault, quote, program)
        self.boost_vault = accounts.boost_vault(self.address)
        self.boost_quote = associated(self.boost_vault, quote, program)
        self.text = text(self.address)


def pump_mint(random: Random) -> bytes:
    """An address that ends in `pump` when written in base58, as the launcher's mints do."""
    value = random.getrandbits(254) | 1 << 253
    return (value - value % _POWER + _PUMP).to_bytes(32, "big")


_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_POWER: int = 58**4
_PUMP: int = sum(_ALPHABET.index(letter) * 58**power for power, letter in enumerate("pmup"))
