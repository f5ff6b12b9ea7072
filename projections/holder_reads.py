"""What the query side may ask of the holders, the rows that it gets, and who counts as what.

Amounts are token units. `None` means unknown, never zero.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

TOP = 10
"""The holders whose share is the concentration that everyone names; the API names it, too."""
SLOT_BITS_BELOW = 31
"""Bits of a position below its slot."""


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """Who counts as what; all of it is applied when somebody asks, so to all of history.

    A developer is of no other class; a bundler is nearly always a sniper, too.
    """

    sniper_slots: int = 12
    """Who first bought in the launch's slot or one of the next, so many slots in all. Twelve are
    about five seconds."""
    bundle_slots: int = 1
    """Who first bought in so many slots from the launch's on is a bundler, …"""
    bundle_wallets: int = 4
    """… where at least so many wallets did, the developer's among them."""
    insider_percent: int = 50
    """Who got at least this part of its tokens otherwise than by buying is an insider."""


DEFAULTS = Definitions()


class HolderRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One wallet that holds the token; the classes are False where the launch is not known."""

    wallet: str
    balance: int
    bought: int
    sold: int
    received: int
    """At least so much came otherwise than by trades and liquidity."""
    sent: int
    """At least so much left otherwise."""
    first_time_s: int
    last_time_s: int
    developer: bool
    sniper: bool
    bundler: bool
    insider: bool


class ClassRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The wallets of a class."""

    wallets: int
    """All that ever were of it."""
    holders: int | None
    """Those that still hold some; None where that cannot be told."""
    balance: int | None


class HoldersRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token's holders as one moment of the database had them.

    The classes are None where the token's launch is not known.
    """

    supply: int | None
    holders: int
    balance: int
    """Of all of them."""
    top_balance: int
    """Of the first `TOP`."""
    ranked_balance: int
    """The sum of each balance times its rank, the smallest balance's being 1."""
    developer: ClassRow | None
    snipers: ClassRow | None
    bundlers: ClassRow | None
    insiders: ClassRow | None
    """What they hold is None where it is not reported of all of them."""
    suspicious: ClassRow | None
    """Snipers, bundlers and insiders, each wallet once; with what the others hold."""
    top: Sequence[HolderRow]
    """The largest balances first, equal ones by wallet."""

    @property
    def gini(self) -> float | None:
        """How unequal the holders' balances are: 0 for all the same, towards 1 for one with all.

        None without holders.
        """
        if not self.holders:
            return None
        unequal = 2 * self.ranked_balance - (self.holders + 1) * self.balance
        return unequal / (self.holders * self.balance)

    def share(self, balance: int | None) -> float | None:
        """A balance's part of the current supply; None where one is not known, or there is none.

        Above 1 where the log has not seen all that was given away.
        """
        if balance is None or self.supply is None or self.supply <= 0:
            return None
        return balance / self.supply


class KeptFrom(msgspec.Struct, frozen=True):
    """From where on a token's holders can be told, since older trades were let go of."""

    pos: int


class HolderReads(Protocol):
    """The holders read model; may raise `projections.reads.ReadsUnavailableError`."""

    async def holders(self, mint: str, *, limit: int) -> HoldersRow:
        """Who holds a token, the largest first; empty for a mint without moves.

        Its bonding curve and its canonical pool are none of them.
        """
        ...

    async def holders_until(
        self, mint: str, *, limit: int, pos: int
    ) -> HoldersRow | KeptFrom | None:
        """The same as it would be had the chain ended at a position; None where nothing names it.

        It is put together from the holders, tokens and trades read models, all of which have to
        have passed the position. Where trades that it needs were let go of, it is from where on
        there is an answer.
        """
        ...
