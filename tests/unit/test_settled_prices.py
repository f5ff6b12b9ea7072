"""A slot's page has each price once, whatever ingest was told again after it had started anew."""

from curvetape.testing.layouts import example
from domain.chain import AccountWritten
from domain.events import decode
from domain.programs import PYTH_RECEIVERS, PYTH_SOL_USD
from ingest.layouts.accounts import PRICE_UPDATE
from ingest.ledger import SlotPage
from ingest.plan import Price
from ingest.progress import Progress
from ingest.recovery import Recovery
from ingest.settle import Round, Settler, Writing
from ingest.sol_price import SOL_USD_FEED
from ingest.transaction import entries


def written(slot: int, second: int) -> AccountWritten:
    """SOL's price account as a slot leaves it."""
    values = {
        "verification_level": "Full",
        "feed_id": SOL_USD_FEED,
        "exponent": -8,
        "price": 10_000_000_000 + second,
        "publish_time": second,
        "posted_slot": slot,
    }
    data = PRICE_UPDATE.write("1", example(PRICE_UPDATE, PRICE_UPDATE.versions[0], **values))
    return AccountWritten(
        account=PYTH_SOL_USD[0], owner=PYTH_RECEIVERS[0], data=data, slot=slot, received_at_ns=1
    )


def settler(*, priced_s: int = 0) -> Settler:
    return Settler(Progress(), decode=entries, now_ns=lambda: 1, priced_s=priced_s)


def priced(settling: Settler, page: SlotPage, second: int) -> list[Writing]:
    """What is to be appended of a price."""
    work = Round()
    settling.settle([Price(page, written(page.slot, second))], iter(()), work)
    return [each for each in work.writings if isinstance(each, Writing)]


def read_back(*writings: Writing) -> Recovery:
    recovery = Recovery()
    for sequence, each in enumerate(writings, 1):
        recovery.take(sequence, each.entry.payload, decode(each.entry.payload))
    recovery.finish()
    return recovery


def test_one_price_a_second_is_taken() -> None:
    settling = settler()
    taken = [len(priced(settling, SlotPage(slot), second)) for slot, second in [(5, 1), (6, 1)]]
    assert taken == [1, 0]
    assert len(priced(settling, SlotPage(7), 2)) == 1


def test_a_price_that_was_read_back_from_the_log_is_not_counted_again() -> None:
    (first,) = priced(settler(), SlotPage(5), 9)
    page = read_back(first).ledger.page(5)
    assert priced(settler(priced_s=8), page, 9) == []
    assert [held.id for held in page.events()] == [first.entry.id]


def test_the_newest_second_is_known_though_the_logs_last_price_is_an_older_one() -> None:
    """As where a slot was begun anew, and its price appended again behind those of later slots."""
    settling = settler()
    writings = [each for second in (7, 8) for each in priced(settling, SlotPage(second), second)]
    again = writings[0].under_another_id()
    assert read_back(*writings, again).priced_s == 8
