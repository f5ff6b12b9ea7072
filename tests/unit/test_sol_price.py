"""SOL's price is taken from its own accounts, in their own layout, or not at all."""

import pytest

from curvetape.testing.layouts import address, example
from domain.programs import PYTH_RECEIVERS, PYTH_SOL_USD
from ingest.layouts.accounts import PRICE_UPDATE
from ingest.sol_price import SOL_USD_FEED, PriceAccountError, sol_priced

NEW = PYTH_SOL_USD[0]
OWNER = PYTH_RECEIVERS[0]


def account(**given: object) -> bytes:
    values = {"verification_level": "Full", "feed_id": SOL_USD_FEED, "exponent": -8} | given
    return PRICE_UPDATE.write("1", example(PRICE_UPDATE, PRICE_UPDATE.versions[0], **values))


def test_a_price_keeps_the_accounts_own_integers() -> None:
    data = account(price=10_259_321_149, conf=1_384_501, publish_time=1_789_699_386, posted_slot=7)
    event = sol_priced(data, account=NEW, owner=OWNER, slot=9, received_at_ns=3)
    assert (event.price, event.confidence, event.exponent) == (10_259_321_149, 1_384_501, -8)
    assert (event.publish_time_s, event.posted_slot, event.pos.slot) == (1_789_699_386, 7, 9)
    assert (event.account, event.subject) == (NEW, "pump.sol.priced")
    assert event.pos.order_key > 0


def test_the_same_price_read_twice_is_one_event() -> None:
    one = sol_priced(account(), account=NEW, owner=OWNER, slot=9, received_at_ns=3)
    two = sol_priced(account(), account=NEW, owner=OWNER, slot=10, received_at_ns=4)
    assert one.id == two.id


def test_both_receivers_are_known() -> None:
    for account_, owner in zip(PYTH_SOL_USD, PYTH_RECEIVERS, strict=True):
        found = sol_priced(account(), account=account_, owner=owner, slot=1, received_at_ns=1)
        assert found.account == account_


@pytest.mark.parametrize(
    ("data", "account_", "owner", "problem"),
    [
        (account(), address("a fake"), OWNER, "not a SOL/USD account"),
        (account(), NEW, PYTH_RECEIVERS[1], f"owner was {PYTH_RECEIVERS[1]}, expected {OWNER}"),
        (bytes(134), NEW, OWNER, "discriminator was 0000000000000000"),
        (b"", NEW, OWNER, "discriminator was absent"),
        (account()[:-1], NEW, OWNER, "PriceUpdateV2: 124 bytes cannot be its first version"),
        (account(feed_id=bytes(32)), NEW, OWNER, "which is not SOL/USD"),
        (account(verification_level=("Partial", 5)), NEW, OWNER, "a part of the guardians only"),
        (account(price=0), NEW, OWNER, "price was 0, which is no price"),
    ],
)
def test_what_is_not_the_price_of_sol_is_refused(
    data: bytes, account_: str, owner: str, problem: str
) -> None:
    with pytest.raises(PriceAccountError, match=problem) as caught:
        sol_priced(data, account=account_, owner=owner, slot=1, received_at_ns=1)
    assert caught.value.account == account_
