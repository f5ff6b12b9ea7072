"""A small market for tests of what is served: tokens in every state, with real-looking mints."""

from collections.abc import Sequence

from curvetape.testing.events import (
    burned,
    completed,
    created,
    curve_traded,
    migrated,
    pool_traded,
)
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent


def address(name: str) -> str:
    """A text that looks like a public key, the same one for the same name."""
    allowed = "".join(letter for letter in name if letter not in "0OIl")
    return (allowed + "1" * 44)[:44]


TRADED = address("traded")
"""On its curve, with 120 trades over ten minutes of chain time."""
GRADUATED = address("graduated")
"""Through its curve and into its pool, where a part was burned."""
UNTRADED = address("untraded")
"""Launched, never traded."""
UNSEEN = address("unseen")
"""Met in mid-life: its launch is not in the log."""
STRANGER = address("stranger")
"""Traded only in a pool that is not canonical."""
KNOWN = (TRADED, GRADUATED, UNTRADED, UNSEEN, STRANGER)
ABSENT = address("absent")
"""Not in the log at all."""

WALLET = address("wallet")
"""Made all trades of `TRADED`, and the one on the curve of `GRADUATED`."""

MARKET: Sequence[AnyEvent] = (
    created(1, TRADED),
    created(2, GRADUATED),
    *(
        curve_traded(
            10 + 12 * number,
            TRADED,
            side="sell" if number % 3 == 2 else "buy",
            user=WALLET,
            virtual_quote_reserves=31_000_000_000 + 100_000_000 * (number % 7),
        )
        for number in range(120)
    ),
    curve_traded(2_000, GRADUATED, user=WALLET, real_token_reserves=0),
    completed(2_001, GRADUATED),
    migrated(2_002, GRADUATED),
    pool_traded(2_003, GRADUATED, base_supply=10**15),
    burned(2_004, GRADUATED),
    created(2_005, UNTRADED),
    curve_traded(2_006, UNSEEN, quote_mint=address("some quote"), quote_decimals=None),
    pool_traded(2_007, STRANGER, canonical=False),
    described(
        1, TRADED, image="https://img.example/a.png", twitter="https://x.com/traded", website="no"
    ),
    undescribed(2, GRADUATED),
)
"""Events in the order of the log; 2.5 slots are a second, from `events.GENESIS_S` on."""
