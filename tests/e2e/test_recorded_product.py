"""Real transactions through the whole product, and REST answers against independent values."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from adapters.yellowstone import frames, recorded
from curvetape.simulator.recorded_chain import blocks
from curvetape.testing import mainnet
from curvetape.testing.product import Product
from domain.events import CompletionTraded, CurveTraded, PoolTraded, ProgramEvent
from domain.programs import NATIVE_SOL
from ingest.decode import decode
from ingest.transaction import translated

pytestmark = pytest.mark.skipif(mainnet.MAINNET is None, reason="no real transactions here")

Trade = CurveTraded | CompletionTraded | PoolTraded


def events_of_files() -> list[ProgramEvent]:
    """What the files hold, decoded without gRPC, log, database or API in between."""
    found: list[ProgramEvent] = []
    for path in mainnet.transactions():
        read = recorded.transaction(mainnet.read(path))
        tx = frames.transaction(
            read.info, slot=read.slot or 0, block_time_s=read.block_time_s or 0, received_at_ns=0
        )
        found += translated(tx).events
    return found


def trades_of_files() -> dict[str, Trade]:
    return {
        event.id: event
        for event in events_of_files()
        if isinstance(event, CurveTraded | CompletionTraded | PoolTraded)
    }


def length_of_log() -> int:
    """Every event, and a certificate for each block."""
    assert mainnet.MAINNET is not None, "else this is not run"
    said: list[str] = []
    certificates = len(list(blocks(mainnet.MAINNET / "tx", said.append)))
    return len(events_of_files()) + certificates


def ready_at(length: int, product: Product) -> bool:
    ready = product.get("/readyz")
    behind = [model["lag"] for model in ready["readModels"]]
    return ready["logPosition"] >= length and behind != [] and all(lag == 0 for lag in behind)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The product, once it has taken in every recorded transaction."""
    with (
        TemporaryDirectory(prefix="curvetape-") as home,
        Product(Path(home), "--transactions", str(mainnet.MAINNET / "tx")) as running,  # type: ignore[operator]  # skipped without
    ):
        running.wait_for("all events", partial(ready_at, length_of_log()))
        yield running


def served_trades(product: Product) -> dict[str, dict[str, Any]]:
    mints = {event.mint for event in trades_of_files().values()}
    return {
        trade["id"]: trade
        for mint in mints
        for trade in product.get(f"/api/v1/tokens/{mint}/trades")["items"]
    }


def test_every_trade_of_the_files_is_served_and_none_besides(product: Product) -> None:
    assert served_trades(product).keys() == trades_of_files().keys()
    assert product.get("/readyz")["logPosition"] == length_of_log()


def test_served_amounts_are_those_of_the_events_own_bytes(product: Product) -> None:
    events = trades_of_files()
    for id_, served in served_trades(product).items():
        event = events[id_]
        token_amount = event.base_amount if isinstance(event, PoolTraded) else event.token_amount
        assert served["tokenAmountUnits"] == str(token_amount)
        assert served["quoteAmountUnits"] == str(event.quote_amount)
        assert (served["side"], served["trader"]) == (event.side, event.user)
        assert served["time"] == event.block_time_s
        # One recording has no slot; the simulated chain gives it one of its own.
        assert event.pos.slot in (served["slot"], 0)
        if isinstance(event, CurveTraded):
            assert served["quoteReservesUnits"] == str(event.virtual_quote_reserves)
            assert served["tokenReservesUnits"] == str(event.virtual_token_reserves)


def expected_trades() -> list[tuple[str, str, dict[str, Any]]]:
    """Trades that others decoded from these transactions: signature, event name, fields."""
    landed = {path.stem for path in mainnet.transactions()}
    return [
        (path.stem, event["name"], event["data"])
        for path in mainnet.expected()
        if path.stem in landed
        for event in mainnet.read(path)["expected"]
        if event["name"] in {"TradeEvent", "BuyEvent", "SellEvent"}
    ]


@pytest.mark.parametrize(("signature", "name", "fields"), expected_trades())
def test_the_api_says_what_others_decoded(
    product: Product, signature: str, name: str, fields: dict[str, Any]
) -> None:
    (served,) = [
        trade
        for trade in served_trades(product).values()
        if trade["signature"] == signature and trade["trader"] == fields["user"]
    ]
    if name == "TradeEvent":
        assert served["side"] == ("buy" if fields["is_buy"] else "sell")
        assert served["tokenAmountUnits"] == fields["token_amount"]
        plain_sol = fields["quote_mint"] == NATIVE_SOL
        assert served["quoteAmountUnits"] == fields["sol_amount" if plain_sol else "quote_amount"]
        assert served["tokenReservesUnits"] == fields["virtual_token_reserves"]
        assert served["price"] == pytest.approx(
            int(fields["virtual_quote_reserves"]) / int(fields["virtual_token_reserves"]) / 1_000
        )
    elif name == "BuyEvent":
        assert served["side"] == "buy"
        assert served["pool"] == fields["pool"]
        assert served["tokenAmountUnits"] == fields["base_amount_out"]
        into_pool = int(fields["quote_amount_in_with_lp_fee"]) - int(fields["lp_fee"])
        assert served["quoteAmountUnits"] == str(into_pool)
    else:
        assert served["side"] == "sell"
        assert served["pool"] == fields["pool"]
        assert served["tokenAmountUnits"] == fields["base_amount_in"]
        assert served["quoteAmountUnits"] == fields["quote_amount_out"]


def test_a_trades_candle_has_its_price(product: Product) -> None:
    for trade in served_trades(product).values():
        if trade["price"] is None or not trade["canonical"]:
            continue
        chart = product.get(
            f"/api/v1/tokens/{trade['mint']}/chart?interval=1m"
            f"&from={trade['time'] - 60}&to={trade['time'] + 60}"
        )
        (candle,) = [it for it in chart["items"] if 0 <= trade["time"] - it["time"] < 60]
        assert candle["low"] <= trade["price"] <= candle["high"]


def test_a_token_that_was_launched_filled_and_migrated_has_graduated(product: Product) -> None:
    (migrated,) = [e for e in events_of_files() if e.kind == "token.migrated"]
    card = product.get(f"/api/v1/tokens/{getattr(migrated, 'mint', None)}")
    assert (card["state"], card["pool"]) == ("graduated", getattr(migrated, "pool", None))
    assert card["name"]
    assert card["curveProgress"] == 1


def test_failed_transactions_are_nowhere(product: Product) -> None:
    failed = {
        path.stem
        for path in mainnet.transactions()
        if recorded.transaction(mainnet.read(path)).info.meta.HasField("err")
    }
    assert failed
    signatures = {trade["signature"] for trade in served_trades(product).values()}
    assert not failed & signatures


def test_what_the_decoder_says_of_a_file_is_what_its_log_holds(product: Product) -> None:
    decoded = 0
    for path in mainnet.transactions():
        read = recorded.transaction(mainnet.read(path))
        tx = frames.transaction(read.info, slot=0, block_time_s=0, received_at_ns=0)
        decoded += len(decode(tx).events)
    certificates = length_of_log() - len(events_of_files())
    assert product.get("/readyz")["logPosition"] == decoded + certificates
