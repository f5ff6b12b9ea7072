"""Alive is not ready: ready needs stores and log, and tells how far behind it is."""

import asyncio

import pytest
from falcon.testing import TestClient

from api import health
from api.app import create_app
from curvetape.testing.api import Served
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import MARKET, TRADED, address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.log import LogUnavailableError
from projections.candles import Candles
from projections.holders import Holders
from projections.portfolios import Portfolios
from projections.search import Search
from projections.slots import Slots
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades

VERSIONS = {
    core.name: core.version
    for core in (Candles, Holders, Portfolios, Search, Slots, SolPrices, Tokens, Trades)
}


@pytest.fixture
def served() -> Served:
    return Served()


def test_the_process_is_alive_whatever_its_stores_do(served: Served) -> None:
    served.reads.down = True
    result = served.client.get("/healthz")
    assert (result.status_code, result.json) == (200, {"status": "alive"})


def test_ready_tells_each_read_models_position_and_lag(served: Served) -> None:
    served.log.add(created(9_000, address("another")), curve_traded(9_001, TRADED))
    result = served.client.get("/readyz")
    assert result.status_code == 200
    position = len(MARKET)
    assert result.json["logPosition"] == position + 2
    assert result.json["readModels"] == [
        {"name": name, "version": VERSIONS[name], "position": position, "lag": 2}
        for name in (
            "candles",
            "holders",
            "portfolios",
            "search",
            "slots",
            "sol_prices",
            "tokens",
            "trades",
        )
    ]


def test_ready_tells_how_fresh_the_newest_trade_is(served: Served) -> None:
    assert served.client.get("/readyz").json["lastTradeTime"] == GENESIS_S + 802
    assert Served([]).client.get("/readyz").json["lastTradeTime"] is None


def test_a_store_that_is_down_is_a_reason_not_to_be_ready(served: Served) -> None:
    served.reads.down = True
    result = served.client.get("/readyz")
    assert (result.status_code, result.json["type"]) == (503, "/#not-ready")
    assert result.json["reasons"] == ["the store of the read models does not answer"]
    assert int(result.headers["retry-after"]) > 0


class _SilentLog:
    async def last_sequence(self) -> int:
        raise LogUnavailableError("it did not answer")


class _HangingLog:
    async def last_sequence(self) -> int:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


def test_a_log_that_never_answers_is_told_while_somebody_still_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "LOG_WAIT_S_MAX", 0.05)
    result = TestClient(create_app(MemoryReads(), _HangingLog())).get("/readyz")
    assert (result.status_code, result.json["type"]) == (503, "/#not-ready")
    assert result.json["reasons"] == ["the log does not answer, so no lag is known"]


def test_every_reason_is_told() -> None:
    reads = MemoryReads()
    client = TestClient(create_app(reads, _SilentLog()))
    assert client.get("/readyz").json["reasons"] == ["the log does not answer, so no lag is known"]
    reads.down = True
    assert len(client.get("/readyz").json["reasons"]) == 2


def test_a_read_model_that_has_not_begun_is_a_reason_unless_the_log_is_empty() -> None:
    log = MemoryLog()
    client = TestClient(create_app(MemoryReads(), log))
    assert client.get("/readyz").status_code == 200
    log.add(*MARKET)
    assert client.get("/readyz").json["reasons"] == [
        f"the read model {name} has not begun"
        for name in (
            "candles",
            "holders",
            "portfolios",
            "search",
            "slots",
            "sol_prices",
            "tokens",
            "trades",
        )
    ]
