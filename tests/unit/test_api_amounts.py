"""Numbers for people stay as near to the chain's integers as a float64 can be."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.amounts import exact, quote_decimals, quote_symbol, whole, whole_price
from api.cursors import CursorError, ListCursor, after, cursor_at, list_cursor
from api.parameters import Interval, seconds
from curvetape.testing.events import GENESIS_S
from curvetape.testing.market import TRADED
from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL
from projections.reads import INTERVALS_S

DECIMALS = st.integers(0, 255)


@given(units=st.integers(0, 2**128), decimals=DECIMALS)
def test_whole_coins_are_the_nearest_number_there_is(units: int, decimals: int) -> None:
    assert whole(units, decimals) == float(Fraction(units, 10**decimals))


@given(
    price=st.floats(min_value=1e-20, max_value=1e20),
    token=st.integers(0, 18),
    quote=st.integers(0, 18),
)
def test_a_whole_price_is_off_by_no_more_than_the_last_digit(
    price: float, token: int, quote: int
) -> None:
    found = whole_price(price, token, quote)
    assert found is not None
    assert found == pytest.approx(
        float(Fraction(price) * Fraction(10) ** (token - quote)), rel=1e-15
    )


def test_what_is_unknown_stays_unknown() -> None:
    assert {whole(None, 9), whole(1, None)} == {None}
    assert exact(None) is None
    unpriced = {whole_price(None, 6, 9), whole_price(1.0, None, 9), whole_price(1.0, 6, None)}
    assert unpriced == {None}
    assert {quote_symbol(None), quote_symbol(TRADED)} == {None}
    assert quote_decimals(TRADED, None) is None


def test_native_and_wrapped_sol_are_both_sol() -> None:
    assert {quote_symbol(mint) for mint in (NATIVE_SOL, WRAPPED_SOL)} == {"SOL"}
    assert (quote_decimals(WRAPPED_SOL, None), quote_decimals(USDC, None)) == (9, 6)
    assert quote_decimals(USDC, 8) == 8


def test_a_time_is_unix_seconds_never_before_1970() -> None:
    assert seconds(7) == 7
    assert seconds(datetime(1970, 1, 1, 0, 1, 0, 999_999, tzinfo=UTC)) == 60
    assert seconds(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0
    assert seconds(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))) == 0


def test_a_chart_has_every_interval_that_is_kept() -> None:
    assert set(get_args(Interval)) == set(INTERVALS_S)


@pytest.mark.parametrize("value", [-1, 0, 7, 2**62, -1.0, 0.1, 1e-300, 1e300])
def test_a_cursor_leads_back_to_the_row_that_it_is_from(value: float) -> None:
    assert after(cursor_at("progress", value, TRADED), "progress") == (value, TRADED)
    for now_s, sol_usd in ((None, None), (GENESIS_S, 151.25)):
        place = ListCursor("volume", value, TRADED, 2**62, now_s, sol_usd)
        assert list_cursor(place.encoded(), "volume") == place
        with pytest.raises(CursorError, match="another sort, volume"):
            list_cursor(place.encoded(), "trades")


@pytest.mark.parametrize("sol_usd", [-1.0, 0.0, 5e-324, 1e-300, 1e300])
def test_a_cursor_cannot_say_that_a_sol_is_worth_nothing(sol_usd: float) -> None:
    """Amounts are divided by it, and a lamport is a thousand-millionth of it."""
    place = ListCursor("volume", 1.0, TRADED, 2**62, None, sol_usd)
    with pytest.raises(CursorError):
        list_cursor(place.encoded(), "volume")


@given(
    text=st.text(
        st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    )
)
def test_any_other_text_is_no_cursor(text: str) -> None:
    for read in (after, list_cursor):
        with pytest.raises(CursorError):
            read(text, "volume")


@pytest.mark.parametrize("text", ["volume 1e999 a", "volume 1.2.3 a", "volume nan a", "volume 1 0"])
def test_a_cursor_with_a_value_that_no_row_can_have_is_none(text: str) -> None:
    with pytest.raises(CursorError, match="not the `next`"):
        after(urlsafe_b64encode(text.encode()).decode().rstrip("="), "volume")
