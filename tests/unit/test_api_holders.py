"""Who holds a token, worked out by hand from a small story."""

from typing import Any

import pytest

from curvetape.testing.api import V1, Served
from curvetape.testing.events import GENESIS_S, created, curve_traded, migrated, pool_traded
from curvetape.testing.market import ABSENT, UNTRADED, address
from domain.events import AnyEvent
from domain.position import Position
from projections.horizon import Horizon

MINT = address("held")
SUPPLY = 1_000_000


def buy(slot: int, tx: int, user: str, amount: int) -> AnyEvent:
    return trade(slot, tx, user, amount, "buy")


def trade(slot: int, tx: int, user: str, amount: int, side: str) -> AnyEvent:
    place = {"pos": Position(slot, tx, 0, 0), "id": f"{'s' * 80}{slot}-{tx}:0.0"}
    return curve_traded(slot, MINT, side=side, user=user, token_amount=amount, **place)


LAUNCH = created(100, MINT, user="dev", creator="paid", token_total_supply=SUPPLY)
STORY: list[AnyEvent] = [
    LAUNCH,
    # With the developer, four wallets buy in the launch's slot.
    buy(100, 8, "dev", 100_000),
    *(buy(100, 10 + at, f"bundle{at}", 10_000) for at in range(3)),
    buy(111, 1, "sniper", 50_000),
    buy(112, 1, "late", 20_000),
    buy(200, 1, "gone", 5_000),
    trade(201, 1, "gone", 5_000, "sell"),
    trade(202, 1, "bundle2", 10_000, "sell"),
    # Sells what nobody saw it buy.
    trade(203, 1, "sent", 7_000, "sell"),
]


def get(served: Served, path: str) -> Any:
    result = served.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


@pytest.fixture(scope="module")
def answer() -> Any:
    return get(Served(STORY), f"{V1}/{MINT}/holders")


def totals(of: Any) -> tuple[Any, ...]:
    return of["wallets"], of["holders"], of["balanceUnits"], of["share"]


def test_the_largest_come_first_with_their_share_of_the_supply(answer: Any) -> None:
    assert [(it["wallet"], it["balanceUnits"], it["share"]) for it in answer["items"]] == [
        ("dev", "100000", 0.1),
        ("sniper", "50000", 0.05),
        ("late", "20000", 0.02),
        ("bundle0", "10000", 0.01),
        ("bundle1", "10000", 0.01),
    ]
    assert (answer["holders"], answer["balanceUnits"], answer["top10Share"]) == (5, "190000", 0.19)
    assert answer["items"][0]["balance"] == 0.1


def test_each_class_has_the_wallets_that_its_definition_says(answer: Any) -> None:
    assert totals(answer["developer"]) == (1, 1, "100000", 0.1)
    assert totals(answer["bundlers"]) == (3, 2, "20000", 0.02)
    assert totals(answer["snipers"]) == (4, 3, "70000", 0.07)
    assert totals(answer["insiders"]) == (1, None, None, None)
    assert totals(answer["suspicious"]) == (5, 3, "70000", 0.07)
    assert {it["wallet"]: it["classes"] for it in answer["items"]} == {
        "dev": ["developer"],
        "sniper": ["sniper"],
        "late": [],
        "bundle0": ["sniper", "bundler"],
        "bundle1": ["sniper", "bundler"],
    }


def test_the_gini_coefficient_is_that_of_the_balances(answer: Any) -> None:
    """By its other definition: half of the mean difference of two holders over the mean."""
    held = [100_000, 50_000, 20_000, 10_000, 10_000]
    differences = sum(abs(one - other) for one in held for other in held)
    assert answer["gini"] == pytest.approx(differences / (2 * len(held) * sum(held)))


def test_only_the_first_ten_make_the_top_and_a_limit_cuts_the_list_alone() -> None:
    story = [LAUNCH, *(buy(300, at, f"wallet{at}", 1_000) for at in range(12))]
    answer = get(Served(story), f"{V1}/{MINT}/holders?limit=3")
    assert (answer["holders"], len(answer["items"])) == (12, 3)
    assert (answer["top10Share"], answer["gini"]) == (0.01, 0.0)


def test_without_a_launch_nobody_is_called_anything() -> None:
    answer = get(Served(STORY[1:]), f"{V1}/{MINT}/holders")
    assert answer["holders"] == 5
    classes = ("developer", "snipers", "bundlers", "insiders", "suspicious", "top10Share")
    assert [answer[name] for name in classes] == [None] * len(classes)
    assert all(it["classes"] == [] and it["share"] is None for it in answer["items"])


def test_curve_and_pool_are_no_holders() -> None:
    story: list[AnyEvent] = [
        LAUNCH,
        buy(101, 1, f"curve-{MINT}", 10),
        migrated(102, MINT),
        pool_traded(103, MINT, user=f"pool-{MINT}", base_amount=10),
        buy(104, 1, "ann", 10),
    ]
    answer = get(Served(story), f"{V1}/{MINT}/holders")
    assert [it["wallet"] for it in answer["items"]] == ["ann"]


def test_a_token_that_nobody_holds_has_no_gini_and_one_that_is_not_known_is_a_404() -> None:
    served = Served()
    answer = get(served, f"{V1}/{UNTRADED}/holders")
    assert (answer["holders"], answer["gini"], answer["top10Share"]) == (0, None, 0.0)
    assert answer["items"] == []
    assert served.client.get(f"{V1}/{ABSENT}/holders").status_code == 404


@pytest.mark.parametrize("slot", [100, 111, 112, 201, 202, 203])
def test_holders_of_the_past_are_those_of_a_log_that_ends_there(slot: int) -> None:
    path = f"{V1}/{MINT}/holders"
    then = get(Served([it for it in STORY if it.pos.slot <= slot]), path)
    assert get(Served(STORY), f"{path}?asOf={slot}") == then | {
        "asOfSlot": slot,
        "complete": None,  # without certificates
        "final": False,
    }


def test_before_its_launch_a_token_is_not_known() -> None:
    found = Served(STORY).client.get(f"{V1}/{MINT}/holders?asOf=99")
    assert (found.status_code, found.json["parameter"]) == (404, "asOf")


def test_where_trades_were_let_go_of_it_is_said_from_where_on_holders_can_be_told() -> None:
    of, path = Served(STORY), f"{V1}/{MINT}/holders?asOf="
    then = get(of, f"{path}203")
    of.reads.horizon = Horizon(pos=200 << 31, complete_from_s=GENESIS_S)
    for slot in (100, 111, 201):
        found = of.client.get(f"{path}{slot}")
        assert (found.status_code, found.json["parameter"]) == (422, "asOf")
        assert "ask for slot 202 or a later one" in found.json["detail"]
    assert get(of, f"{path}203") == then
