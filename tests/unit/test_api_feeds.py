"""Feeds list each launch, graduation and token once; figures are worked out by hand."""

from typing import Any

import pytest

from curvetape.testing.api import Served
from curvetape.testing.events import (
    completed,
    created,
    curve_traded,
    migrated,
    pool_created,
    pool_traded,
)
from curvetape.testing.market import address
from domain.events import AnyEvent
from domain.position import Position

V1 = "/api/v1"
CREATOR, LAUNCHER, STRANGER = address("maker"), address("starter"), address("someone")
FIRST, SECOND, THIRD, FOURTH = (address(name) for name in ("first", "second", "third", "fourth"))
WHOLE = 793_100_000_000_000


def bought(mint: str, slot: int, tx: int, inner: int, user: str, **fields: Any) -> AnyEvent:
    place = {"pos": Position(slot, tx, 2, inner), "id": f"{slot}x{tx}:2.{inner}", "user": user}
    return curve_traded(slot, mint, **place | fields)


MARKET: list[AnyEvent] = [
    created(10, FIRST, creator=CREATOR, user=LAUNCHER),
    bought(FIRST, 10, 7, 1, LAUNCHER, quote_amount=2_000_000_000, token_amount=10**12),
    bought(FIRST, 10, 7, 2, CREATOR, quote_amount=500_000_000, token_amount=10**11),
    bought(FIRST, 10, 7, 3, STRANGER),
    bought(FIRST, 10, 7, 4, CREATOR, side="sell"),
    bought(FIRST, 10, 8, 0, CREATOR),
    created(20, SECOND, creator=CREATOR, user=CREATOR),
    bought(SECOND, 21, 7, 1, CREATOR, real_token_reserves=WHOLE // 10),
    created(30, THIRD, creator=STRANGER),
    bought(THIRD, 31, 7, 1, STRANGER, real_token_reserves=WHOLE // 4),
    created(40, FOURTH, creator=CREATOR),
    bought(FOURTH, 41, 7, 1, STRANGER, real_token_reserves=0),
    completed(42, FOURTH),
    completed(50, FIRST),
    migrated(60, FIRST),
]


@pytest.fixture
def served() -> Served:
    return Served(MARKET)


def get(served: Served, path: str) -> Any:
    result = served.client.get(f"{V1}/{path}")
    assert result.status_code == 200, result.text
    return result.json


def mints(answer: Any) -> list[str]:
    return [item.get("token", item)["mint"] for item in answer["items"]]


def test_launches_come_newest_first_with_what_their_creators_bought_at_once(
    served: Served,
) -> None:
    launches = get(served, "launches")
    assert mints(launches) == [FOURTH, THIRD, SECOND, FIRST]
    assert launches["next"] is None
    first, second = launches["items"][3], launches["items"][2]
    assert (first["slot"], first["launchedBy"]) == (10, LAUNCHER)
    assert first["initialBuy"] == {
        "buys": 2,
        "quoteAmount": 2.5,
        "quoteAmountUnits": "2500000000",
        "tokenAmount": 1_100_000.0,
        "tokenAmountUnits": "1100000000000",
    }
    assert (second["initialBuy"], second["token"]["trades"]) == (None, 1)


def test_graduations_tell_how_long_they_took_and_what_moved(served: Served) -> None:
    (graduation,) = get(served, "graduations")["items"]
    assert graduation["token"]["mint"] == FIRST
    assert graduation["secondsToGraduation"] == 20
    assert (graduation["slot"], graduation["pool"]) == (60, f"pool-{FIRST}")
    assert (graduation["quoteAmount"], graduation["tokenAmount"]) == (84.99, 206_900_000.0)
    assert graduation["feeUnits"] == "15000001"


def test_a_migration_whose_launch_was_not_seen_took_nobody_knows_how_long() -> None:
    (graduation,) = get(Served([migrated(60, FIRST)]), "graduations")["items"]
    assert (graduation["secondsToGraduation"], graduation["quoteAmount"]) == (None, None)
    assert graduation["quoteAmountUnits"] == "84990000000"


def test_a_pool_whose_migration_was_not_seen_is_no_graduation() -> None:
    served = Served([created(1, FIRST), pool_created(2, FIRST), pool_traded(3, FIRST)])
    assert get(served, "graduations")["items"] == []


def test_those_nearest_to_graduation_come_first_and_graduated_ones_not_at_all(
    served: Served,
) -> None:
    near = get(served, "about-to-graduate")
    assert mints(near) == [FOURTH, SECOND]
    assert [item["curveProgress"] for item in near["items"]] == [1.0, pytest.approx(0.9)]
    assert all("about_to_graduate" in item["labels"] for item in near["items"])
    page = get(served, "about-to-graduate?limit=1")
    assert mints(page) == [FOURTH]
    behind = get(served, f"about-to-graduate?limit=1&cursor={page['next']}")
    assert (mints(behind), behind["next"]) == ([SECOND], None)


def test_a_creators_tokens_are_listed_and_counted(served: Served) -> None:
    made = get(served, f"creators/{CREATOR}/tokens?limit=2")
    assert (made["launches"], made["graduations"]) == (3, 1)
    assert mints(made) == [FOURTH, SECOND]
    rest = get(served, f"creators/{CREATOR}/tokens?limit=2&before={made['next']}")
    assert (mints(rest), rest["next"]) == ([FIRST], None)
    assert rest["items"][0]["state"] == "graduated"
    nobody = get(served, f"creators/{address('nobody')}/tokens")
    assert (nobody["launches"], nobody["graduations"], nobody["items"]) == (0, 0, [])


@pytest.mark.parametrize("late", [created(5, address("late")), created(90, address("late"))])
def test_pages_of_launches_stay_in_step_while_more_are_learnt_of(
    served: Served, late: AnyEvent
) -> None:
    page = get(served, "launches?limit=2")
    served.add(late)
    rest = get(served, f"launches?limit=10&before={page['next']}")
    listed = [mint for mint in (*mints(page), *mints(rest)) if mint != address("late")]
    assert listed == [FOURTH, THIRD, SECOND, FIRST]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("launches?before=soon", "before"),
        ("graduations?limit=101", "limit"),
        ("about-to-graduate?cursor=AAAA", "cursor"),
        ("creators/0/tokens", "address"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_parameter(
    served: Served, path: str, parameter: str
) -> None:
    result = served.client.get(f"{V1}/{path}")
    assert result.status_code == 400
    assert result.headers["content-type"] == "application/problem+json"
    assert result.json["parameter"] == parameter


def test_a_cursor_of_the_list_of_tokens_is_none_of_this_list(served: Served) -> None:
    other = served.client.get(f"{V1}/tokens?limit=1").json["next"]
    assert served.client.get(f"{V1}/about-to-graduate?cursor={other}").status_code == 400
