"""The price of SOL from the Pyth account that keeps it on chain."""

from domain.events import SolPriced
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position
from domain.programs import PYTH_RECEIVERS, PYTH_SOL_USD
from ingest.layouts.accounts import PRICE_UPDATE
from ingest.layouts.layout import TooShortError

SOL_USD_FEED = bytes.fromhex("ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d")
"""Pyth's id of the SOL/USD feed, the same on every receiver."""


class PriceAccountError(ValueError):
    """An account that is not one of SOL's price accounts, or not in their layout."""

    def __init__(self, account: str, problem: str) -> None:
        super().__init__(f"price account {account}: {problem}")
        self.account = account
        self.problem = problem


def sol_priced(
    data: bytes, *, account: str, owner: str, slot: int, received_at_ns: int
) -> SolPriced:
    """The price that an account's bytes say; `PriceAccountError` if they are not SOL's price.

    `slot` is the one in which the account was written; the price stands behind all that the
    slot's transactions did. The id is that of the price, so that the
    same price read twice is one event.
    """
    if account not in PYTH_SOL_USD:
        raise PriceAccountError(account, f"not a SOL/USD account; known are {PYTH_SOL_USD}")
    expected = PYTH_RECEIVERS[PYTH_SOL_USD.index(account)]
    if owner != expected:
        raise PriceAccountError(account, f"owner was {owner}, expected {expected}")
    if data[:8] != PRICE_UPDATE.discriminator:
        raise PriceAccountError(account, f"discriminator was {data[:8].hex() or 'absent'}")
    try:
        values, _, _ = PRICE_UPDATE.read(data, 8)
    except TooShortError as error:
        raise PriceAccountError(account, str(error)) from error
    _, verification, feed_id, price, conf, exponent, publish_time, _, _, _, posted_slot = values
    if feed_id != SOL_USD_FEED:
        raise PriceAccountError(account, f"feed was {feed_id.hex()}, which is not SOL/USD")
    if verification[0] != "Full":
        raise PriceAccountError(account, "the price was signed by a part of the guardians only")
    if price <= 0:
        raise PriceAccountError(account, f"price was {price}, which is no price")
    return SolPriced(
        id=f"{account}:{posted_slot}:{publish_time}",
        pos=Position(slot, LAST_TX, LAST_OUTER, LAST_INNER),
        received_at_ns=received_at_ns,
        provisional=True,
        account=account,
        price=price,
        confidence=conf,
        exponent=exponent,
        publish_time_s=publish_time,
        posted_slot=posted_slot,
    )
