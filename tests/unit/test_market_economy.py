"""The generated market is worth watching: launches, graduations, and very unequal shares."""

from collections import Counter
from functools import lru_cache

import msgspec
import pytest

from curvetape.testing.simulated import new_market, produced

BLOCKS = 700
RATE_PER_S = 100
COIN = {"TradeEvent": "mint", "BuyEvent": "pool", "SellEvent": "pool"}
"""What tells trades of one coin from those of another."""


class Seen(msgspec.Struct):
    """Counts over a whole market."""

    transactions: int = 0
    slots: int = 0
    failed: int = 0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    traders: Counter[bytes] = msgspec.field(default_factory=Counter)
    coins: Counter[bytes] = msgspec.field(default_factory=Counter)
    sizes: list[int] = []
    first_graduation_block: int = 0
    several: int = 0


@lru_cache(maxsize=1)
def seen() -> Seen:
    """One market of about five minutes."""
    result = Seen()
    market = new_market(seed=1, rate_per_s=RATE_PER_S)
    first_slot = market.slot
    for number, (block, emitted) in enumerate(produced(market, BLOCKS)):
        result.transactions += len(block.transactions)
        result.failed += sum(info.meta.HasField("err") for info in block.transactions)
        trades: Counter[bytes] = Counter()
        for event in emitted:
            result.events[event.name] += 1
            if event.name == "TradeEvent":
                fields = event.fields
                result.coins[fields["mint"]] += 1
                result.traders[fields["user"]] += 1
                if fields["sol_amount"]:
                    result.sizes.append(fields["sol_amount"])
            if event.name in ("TradeEvent", "BuyEvent", "SellEvent"):
                trades[event.signature] += 1
            if event.name == "CompletePumpAmmMigrationEvent":
                result.first_graduation_block = result.first_graduation_block or number
        result.several += sum(count > 1 for count in trades.values())
    result.slots = market.slot - first_slot
    return result


def test_the_rate_is_what_was_asked_for() -> None:
    asked = RATE_PER_S * seen().slots * 0.4
    assert abs(seen().transactions / asked - 1) < 0.05


def test_the_first_coin_graduates_within_a_minute_and_several_within_five() -> None:
    assert 0 < seen().first_graduation_block * 0.4 < 60
    assert seen().events["CompletePumpAmmMigrationEvent"] >= 4


def test_most_coins_never_graduate() -> None:
    events = seen().events
    assert events["CompletePumpAmmMigrationEvent"] < events["CreateEvent"] / 5


def test_every_kind_of_event_happens() -> None:
    assert set(seen().events) == {
        "CreateEvent",
        "TradeEvent",
        "CompleteEvent",
        "PostCompleteBuyEvent",
        "ExtendAccountEvent",
        "CompletePumpAmmMigrationEvent",
        "UpdateMayhemVirtualParamsEvent",
        "SweepBondingCurveFeeEvent",
        "CreatePoolEvent",
        "BuyEvent",
        "SellEvent",
        "DepositEvent",
        "WithdrawEvent",
        "InitBoostEvent",
        "BoostBuyAndBurnEvent",
        "SweepPoolFeeEvent",
    }


def test_a_few_traders_and_coins_have_most_of_the_trades() -> None:
    for counts in (seen().traders, seen().coins):
        ranked = sorted(counts.values(), reverse=True)
        assert sum(ranked[: len(ranked) // 10]) > sum(ranked) * 0.4


def test_trade_sizes_have_a_heavy_tail() -> None:
    sizes = sorted(seen().sizes)
    median = sizes[len(sizes) // 2]
    assert 50_000_000 < median < 500_000_000
    assert sizes[-1] > 50 * median


def test_some_transactions_fail_and_some_trade_several_coins() -> None:
    assert 0.01 < seen().failed / seen().transactions < 0.06
    assert seen().several > 50


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_coin_is_ever_most_of_the_market(seed: int) -> None:
    """From the first seconds on, whatever the seed, coins are traded side by side."""
    market = new_market(seed=seed, rate_per_s=50)
    for _ in range(8):
        coins: Counter[bytes] = Counter()
        for _, emitted in produced(market, 75):
            coins.update(event.fields[COIN[event.name]] for event in emitted if event.name in COIN)
        assert len(coins) >= 20
        assert max(coins.values()) < coins.total() * 0.3
