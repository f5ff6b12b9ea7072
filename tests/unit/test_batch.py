"""What the events of a batch are as trades is found out once, however many cores ask."""

import pytest

from curvetape.testing.events import created, curve_traded, pool_traded
from domain.events import AnyEvent
from domain.log import Recorded
from domain.position import Position, PositionOutOfRangeError
from projections.ahead import Ahead
from projections.batch import Batch, fills
from projections.candles import Candles
from projections.holders import Holders
from projections.portfolios import Portfolios
from projections.price import fill
from projections.search import Search
from projections.settling import Settled, Settling
from projections.tokens import Tokens
from projections.trades import Trades

EVENTS: list[AnyEvent] = [created(1, "m"), curve_traded(2, "m"), pool_traded(3, "m")]
RECORDED = [Recorded(sequence, event) for sequence, event in enumerate(EVENTS, 1)]


def test_a_batch_says_what_its_events_say() -> None:
    assert fills(Batch(RECORDED)) == fills(RECORDED) == [fill(event) for event in EVENTS]
    assert fills(Batch(RECORDED))[0] is None


async def test_two_read_models_that_take_the_same_stretches_share_what_is_known() -> None:
    settling = Settling()
    stretches = [it for each in RECORDED for it in settling.take([each])]

    async def taken() -> Settled:
        ahead = Ahead(10)
        for each in stretches:
            await ahead.put(each)
        found = await ahead.take(0)
        assert found is not None
        assert list(found.events) == RECORDED
        return found

    first, second = fills((await taken()).events), fills((await taken()).events)
    assert first == fills(RECORDED)
    assert all(one is other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("core", [Candles, Holders, Portfolios, Search, Tokens, Trades])
def test_a_trade_without_a_place_on_a_chain_is_refused(core: type) -> None:
    event = curve_traded(2, "m", pos=Position(2, 1 << 17, 0, 0))
    with pytest.raises(PositionOutOfRangeError):
        core().apply(Batch([Recorded(1, event)]))


@pytest.mark.parametrize("core", [Candles, Search])
def test_one_that_moves_nothing_needs_no_place(core: type) -> None:
    event = pool_traded(2, "m", pos=Position(2, 1 << 17, 0, 0), canonical=False, base_supply=None)
    assert core().apply(Batch([Recorded(1, event)])) == core().apply(
        [Recorded(1, pool_traded(2, "m", canonical=False, base_supply=None))]
    )
