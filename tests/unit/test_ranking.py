"""How tokens are measured in a window, by figures that are worked out by hand."""

from typing import Any

import msgspec
import pytest

from curvetape.testing.events import (
    burned,
    completed,
    created,
    curve_traded,
    migrated,
    pool_traded,
    recorded,
)
from domain.events import AnyEvent
from projections.buckets import MINUTE_S, Bucket, total
from projections.cards import card
from projections.leaderboards import Leaderboards
from projections.ranking import (
    ACTIVITY_HALF_PER_MINUTE,
    LIQUIDITY_HALF_LAMPORTS,
    RANKINGS,
    VOLUME_HALF_PER_MINUTE_LAMPORTS,
    Ranking,
    Standing,
    rank_values,
    saturated,
    score,
    standing,
)
from projections.windows import WINDOWS_S, Window

USD = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def stands(*events: AnyEvent, window: Window = "24h", sol_usd: float | None = None) -> Standing:
    """How the token of the events stands, where the window holds them all."""
    changes = Leaderboards().apply(recorded(events))
    ((mint, change),) = changes.tokens.items()
    minutes = (bucket for key, bucket in changes.buckets.items() if key[1] == MINUTE_S)
    return standing(card(mint, change), total(minutes), window, sol_usd)


def left_out(found: Standing) -> set[Ranking]:
    return set(RANKINGS) - rank_values(found).keys()


def test_a_token_on_its_curve_is_ranked_by_everything() -> None:
    launch = created(1, "m")
    found = stands(
        launch,
        curve_traded(2, "m"),
        curve_traded(9, "m", side="sell", virtual_quote_reserves=30_500_000_000),
    )
    price = 30_500_000_000 / 1_039_000_000_000_000
    assert (found.trades, found.buys, found.sells) == (2, 1, 1)
    assert rank_values(found) == {
        "volume": 2_000_000_000.0,
        "market_cap": price * 1e15,
        "liquidity": 1_000_000_000.0,
        "trades": 2.0,
        "change": price / (31_000_000_000 / 1_039_000_000_000_000) - 1.0,
        "age": float(launch.block_time_s),
        "progress": 1 - 759_100_000_000_000 / 793_100_000_000_000,
        "score": found.score,
    }
    assert found.liquidity == 1_000_000_000


def test_a_token_that_has_left_its_curve_is_not_ranked_by_its_progress() -> None:
    found = stands(created(1, "m"), curve_traded(2, "m"), completed(3, "m"))
    assert (found.progress, left_out(found)) == (1.0, {"progress"})
    assert found.liquidity == 1_000_000_000


def test_the_liquidity_of_a_graduated_token_is_what_its_pool_really_holds() -> None:
    found = stands(created(1, "m"), curve_traded(2, "m"), migrated(3, "m"), pool_traded(4, "m"))
    assert found.liquidity == 84_990_000_000 + 412_824_000
    burn = burned(5, "m")
    found = stands(created(1, "m"), migrated(3, "m"), pool_traded(4, "m"), burn)
    assert found.liquidity == burn.pool_quote_reserves


def test_amounts_of_usdc_are_ranked_by_how_many_lamports_they_are_worth() -> None:
    events: list[AnyEvent] = [
        created(1, "m", quote_mint=USD),
        curve_traded(2, "m", quote_mint=USD, quote_amount=30_000_000),
    ]
    found = stands(*events, sol_usd=150.0)
    assert (found.volume_quote, found.for_sol) == (30_000_000, False)
    ranked = rank_values(found)
    assert ranked["volume"] == pytest.approx(0.2 * 10**9)
    assert ranked["liquidity"] == pytest.approx(1_000 / 150 * 10**9)
    assert left_out(found) == set()
    of_sol = stands(created(1, "m"), curve_traded(2, "m", quote_amount=200_000_000), sol_usd=150.0)
    shown = msgspec.structs.replace(found, sol_usd=150.0)
    assert shown.volume_usd == pytest.approx(30.0)
    assert shown.liquidity_usd == pytest.approx(1_000.0)
    same = msgspec.structs.replace(of_sol, sol_usd=150.0)
    assert same.volume_usd == pytest.approx(shown.volume_usd)
    assert same.market_cap is not None
    assert same.market_cap_usd == pytest.approx(same.market_cap * 1e-9 * 150)
    worth = score(Bucket(volume_quote=200_000_000, buys=1), 6_666_666_667, None, "24h")
    assert found.score == pytest.approx(worth)


@pytest.mark.parametrize(("quote", "sol_usd"), [(USD, None), ("other", 150.0)])
def test_amounts_whose_worth_is_not_known_are_not_ranked(quote: str, sol_usd: float | None) -> None:
    events: list[AnyEvent] = [
        created(1, "m", quote_mint=quote),
        curve_traded(2, "m", quote_mint=quote),
    ]
    found = stands(*events, sol_usd=sol_usd)
    assert left_out(found) == {"volume", "market_cap", "liquidity", "score"}
    assert found.volume_quote == 1_000_000_000
    assert found.volume_usd is None


def test_what_is_not_known_is_left_out_and_never_zero() -> None:
    found = stands(curve_traded(2, "m", virtual_token_reserves=0))
    assert left_out(found) == {"market_cap", "change", "age", "progress"}


@pytest.mark.parametrize("window", WINDOWS_S)
def test_half_of_everything_scores_fifty_in_every_window(window: Window) -> None:
    minutes = WINDOWS_S[window] // MINUTE_S
    traded = Bucket(
        volume_quote=VOLUME_HALF_PER_MINUTE_LAMPORTS * minutes,
        buys=ACTIVITY_HALF_PER_MINUTE * minutes,
    )
    assert score(traded, LIQUIDITY_HALF_LAMPORTS, 1.0, window) == 50.0


@pytest.mark.parametrize(
    ("traded", "liquidity", "change", "expected"),
    [
        (Bucket(volume_quote=15_000_000_000), None, None, 30.0),
        (Bucket(), None, 3.0, 22.5),
        (Bucket(), None, -0.9, 0.0),
        (Bucket(), 255_000_000_000, None, 15.0),
        (Bucket(), -5, None, 0.0),
        (Bucket(buys=10, sells=5), None, None, 7.5),
    ],
)
def test_each_part_has_its_weight(
    traded: Bucket, liquidity: int | None, change: float | None, expected: float
) -> None:
    """Three times the half is three quarters of a part's weight."""
    assert score(traded, liquidity, change, "5m") == expected


def test_the_score_stays_between_0_and_100() -> None:
    assert score(Bucket(), None, None, "5m") == 0.0
    boundless = Bucket(volume_quote=10**40, buys=10**40)
    assert score(boundless, 10**40, 1e38, "5m") == 100.0


@pytest.mark.parametrize("values", [(0, 1, 10, 10**6), (0.0, 0.1, 5.0)])
def test_more_of_anything_never_scores_less(values: tuple[Any, ...]) -> None:
    parts = [saturated(value, 3.0) for value in values]
    assert parts == sorted(set(parts))
