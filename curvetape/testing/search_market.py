"""A market to search in: tokens with names that are alike, in every state, of several creators."""

from collections.abc import Sequence

from curvetape.testing.events import (
    completed,
    created,
    curve_traded,
    migrated,
    pool_traded,
    repriced,
)
from curvetape.testing.market import address
from domain.events import AnyEvent
from domain.programs import USDC, USDC_DECIMALS

ALICE, BERTA = address("Aicecreates"), address("Bertacreates")

PEPE = address("pepebig")
PEPE_COIN = address("pepetiny")
BABY_PEPE = address("babypepe")
WIF = address("dogwifhat")
TRUMP = address("trump")
CAFE = address("cafe")
DOLLAR = address("dollar")
MOON = address("moon")
NAMELESS = address("nameless")
STRANGER = address("stranger")

LAUNCHES: Sequence[tuple[str, str, str, str]] = (
    (PEPE_COIN, "Pepe Coin", "PEPE", ALICE),
    (PEPE, "Pepe", "PEPE", BERTA),
    (BABY_PEPE, "Baby Pepe", "BPEPE", ALICE),
    (WIF, "dogwifhat", "$WIF", BERTA),
    (TRUMP, "Official Trump", "TRUMP", ALICE),
    (CAFE, "Café Society", "CAFÉ", BERTA),
    (MOON, "to the moon!", "MOON", ALICE),
)

CAPS_SOL: dict[str, int] = {
    PEPE_COIN: 40,
    PEPE: 900,
    BABY_PEPE: 5_000,
    WIF: 300,
    TRUMP: 70,
    CAFE: 60,
}
"""The virtual quote reserves of the last trade, which the market cap grows with."""

MARKET: Sequence[AnyEvent] = (
    *(
        created(number, mint, name=name, symbol=symbol, creator=creator)
        for number, (mint, name, symbol, creator) in enumerate(LAUNCHES, start=1)
    ),
    created(
        10,
        DOLLAR,
        name="Dollar Doge",
        symbol="DDOGE",
        creator=BERTA,
        quote_mint=USDC,
        quote_decimals=USDC_DECIMALS,
    ),
    *(
        curve_traded(
            20 + number,
            mint,
            virtual_quote_reserves=sol * 10**9,
            quote_amount=(number + 1) * 10**9,
        )
        for number, (mint, sol) in enumerate(CAPS_SOL.items())
    ),
    curve_traded(30, DOLLAR, quote_mint=USDC, quote_decimals=USDC_DECIMALS),
    completed(40, TRUMP),
    completed(41, WIF),
    migrated(42, WIF),
    pool_traded(43, WIF, base_supply=10**15),
    curve_traded(48, NAMELESS, virtual_quote_reserves=10**9),
    pool_traded(49, STRANGER, canonical=False, base_supply=10**15),
    repriced(100, MOON, virtual_quote_reserves=10**9),
)
"""In the order of the log; the last event moves the chain's clock past the figures of all others,
and its own have to wait."""
