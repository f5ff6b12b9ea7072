"""What trades come to for a wallet, worked out by hand."""

import pytest

from curvetape.testing.events import completion_traded, curve_traded, pool_traded, recorded
from domain.events import AnyEvent
from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL
from projections.portfolios import Pair, Portfolios
from projections.wallet_position import Day, WalletPosition, WalletTrade, advanced, revised

PAIR: Pair = ("trader", "m", NATIVE_SOL)


def buy(pos: int, tokens: int, quote: int, *, time_s: int = 0) -> WalletTrade:
    return WalletTrade(pos, time_s, True, tokens, quote, 0)


def sell(pos: int, tokens: int, quote: int, *, time_s: int = 0) -> WalletTrade:
    return WalletTrade(pos, time_s, False, tokens, quote, 0)


def of(*trades: WalletTrade) -> WalletPosition:
    return advanced(None, trades).position


def only(event: AnyEvent) -> tuple[Pair, WalletTrade]:
    ((pair, (trade,)),) = Portfolios().apply(recorded([event])).items()
    return pair, trade


def test_what_is_sold_costs_what_its_part_of_the_balance_cost_on_average() -> None:
    """The example of docs/portfolios.md."""
    position = of(buy(1, 1_000, 100), buy(2, 500, 110), sell(3, 600, 120))
    assert position.balance == 900
    assert position.cost_amount == 210 - 210 * 600 // 1_500 == 126
    assert position.realised_amount == 120 - 84 == 36
    closed = advanced(position, [sell(4, 900, 100)]).position
    assert (closed.balance, closed.cost_amount, closed.realised_amount) == (0, 0, 10)
    assert closed.realised_amount == closed.received_amount - closed.spent_amount


def test_a_fraction_of_a_unit_stays_with_what_is_left_and_goes_with_the_last_of_it() -> None:
    third = of(buy(1, 3, 100), sell(2, 1, 50))
    assert (third.cost_amount, third.realised_amount) == (67, 17)
    two_thirds = advanced(third, [sell(3, 1, 50)]).position
    assert (two_thirds.cost_amount, two_thirds.realised_amount) == (34, 34)
    closed = advanced(two_thirds, [sell(4, 1, 50)]).position
    assert (closed.cost_amount, closed.realised_amount) == (0, 50)


def test_tokens_that_no_trade_bought_bring_no_profit() -> None:
    position = of(buy(1, 100, 10), sell(2, 400, 80))
    assert (position.balance, position.cost_amount) == (0, 0)
    assert (position.unbought_amount, position.unbought_quote_amount) == (300, 60)
    assert position.realised_amount == 20 - 10
    only_given = of(sell(1, 400, 80))
    assert (only_given.unbought_quote_amount, only_given.realised_amount) == (80, 0)


def test_a_buy_after_such_a_sale_is_held_whole() -> None:
    position = of(sell(1, 400, 80), buy(2, 100, 10))
    assert (position.balance, position.cost_amount, position.unbought_amount) == (100, 10, 400)


def test_trades_of_nothing_divide_by_nothing() -> None:
    position = of(sell(1, 0, 5), buy(2, 0, 7), buy(3, 10, 3), sell(4, 0, 0), sell(5, 10, 4))
    assert (position.balance, position.cost_amount) == (0, 0)
    assert position.realised_amount == 5 + 4 - 10


def test_a_sale_counts_on_its_day() -> None:
    trades = [buy(1, 10, 10), sell(2, 5, 9, time_s=86_399), sell(3, 5, 3, time_s=86_400)]
    assert advanced(None, trades).days == {0: Day(4, 9, 0, 1), 86_400: Day(-2, 3, 0, 1)}


def test_a_late_trade_changes_what_came_after_it() -> None:
    """The sale seemed to be of tokens that had come by transfer, until their buy is known."""
    before = [sell(2, 10, 50, time_s=86_400)]
    folded = revised(before, [buy(1, 10, 20)])
    assert folded.position == of(buy(1, 10, 20), *before)
    assert folded.position.realised_amount == 30
    assert folded.days == {86_400: Day(30, 0, -50, 0)}


def test_a_trade_that_is_there_already_changes_nothing() -> None:
    before = [buy(1, 10, 20), sell(2, 5, 50)]
    folded = revised(before, [before[1]])
    assert folded.position == of(*before)
    assert folded.days == {0: Day()}


def test_trades_before_what_a_position_holds_are_refused() -> None:
    with pytest.raises(AssertionError, match="order of the chain"):
        advanced(of(buy(2, 1, 1)), [buy(1, 1, 1)])


@pytest.mark.parametrize(("side", "paid"), [("buy", 1_012_500_000), ("sell", 987_500_000)])
def test_a_curves_fees_are_paid_on_top_and_taken_off(side: str, paid: int) -> None:
    """The parts for buybacks and holders are of these fees, not beside them."""
    fees = {"fee": 9_500_000, "creator_fee": 3_000_000, "buyback_fee": 4_750_000}
    event = curve_traded(5, "m", side=side, holder_rewards=3_000_000, **fees)
    pair, trade = only(event)
    assert pair == PAIR
    assert (trade.bought, trade.token_amount) == (side == "buy", 34_000_000_000_000)
    assert (trade.quote_amount, trade.fee_amount) == (paid, 12_500_000)
    assert (trade.pos, trade.time_s) == (event.pos.order_key, event.block_time_s)


def test_a_cashback_is_paid_in_place_of_the_creators_fee() -> None:
    """Amounts of a recorded buy for 0.99 SOL."""
    event = curve_traded(
        5, "m", quote_amount=977_777_777, fee=9_288_889, creator_fee=0, cashback=2_933_334
    )
    assert only(event)[1].quote_amount == 990_000_000


def test_fees_that_an_event_does_not_tell_are_not_known() -> None:
    trade = only(curve_traded(5, "m"))[1]
    assert (trade.quote_amount, trade.fee_amount) == (1_000_000_000, None)
    position = of(trade)
    assert (position.fee_amount, position.trades_without_fee) == (0, 1)


@pytest.mark.parametrize(("side", "paid", "fee"), [("buy", 417, 5), ("sell", 407, 5)])
def test_a_pool_says_what_its_user_paid(side: str, paid: int, fee: int) -> None:
    event = pool_traded(5, "m", side=side, quote_amount=412, user_quote_amount=paid)
    pair, trade = only(event)
    assert pair == PAIR, "wrapped SOL is SOL"
    assert (trade.quote_amount, trade.fee_amount) == (paid, fee)
    assert trade.token_amount == 1_000_000_000_000


def test_a_pool_of_sol_for_tokens_is_seen_from_the_token() -> None:
    """It takes its fees in tokens, so the wallet gave more of them than were traded."""
    event = pool_traded(
        5,
        "m",
        base_mint=WRAPPED_SOL,
        quote_mint="m",
        side="buy",
        base_amount=700,
        quote_amount=9_000,
        user_quote_amount=9_100,
    )
    pair, trade = only(event)
    assert pair == PAIR
    assert (trade.bought, trade.token_amount) == (False, 9_100)
    assert (trade.quote_amount, trade.fee_amount) == (700, 0)


def test_the_rest_of_the_buy_that_fills_a_curve_counts() -> None:
    assert only(completion_traded(5, "m"))[1].quote_amount == 506_250_000


def test_a_token_traded_for_two_quote_mints_is_held_in_two_positions() -> None:
    events = [curve_traded(5, "m"), curve_traded(6, "m", quote_mint=USDC)]
    assert set(Portfolios().apply(recorded(events))) == {PAIR, ("trader", "m", USDC)}
