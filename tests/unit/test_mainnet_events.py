"""Real transactions give the events that they are known to hold."""

import re
from base64 import b64decode
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.yellowstone import frames, recorded
from adapters.yellowstone.wire import geyser_pb2
from curvetape.testing import mainnet
from domain.chain import RawTransaction
from domain.events import (
    CurveTraded,
    PoolBoosted,
    PoolCreated,
    PoolTraded,
    ProgramEvent,
    TokenMigrated,
)
from domain.events import decode as decode_event
from domain.programs import NATIVE_SOL, PYTH_SOL_USD, USDC
from ingest.canonical import canonical_pool
from ingest.decode import decode
from ingest.layouts.accounts import BONDING_CURVE, POOL
from ingest.layouts.catalogue import BY_PROGRAM
from ingest.layouts.layout import Layout
from ingest.logs import TRUNCATED
from ingest.sol_price import sol_priced
from ingest.transaction import entries, translated
from ingest.wire import WireEvent

pytestmark = pytest.mark.skipif(
    mainnet.MAINNET is None, reason="real transactions lie beside the project on some machines"
)

LABELLED = {"TradeEvent", "CreateEvent", "BuyEvent", "SellEvent"}
ADDED_BY_OTHERS = {"base_token_program", "quote_token_program"}
"""Not in the event's bytes: another decoder took them from the instruction's accounts."""

T = TypeVar("T", bound=ProgramEvent)


def info(path: Path) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    return recorded.transaction(mainnet.read(path)).info


def view(message: geyser_pb2.SubscribeUpdateTransactionInfo) -> RawTransaction:
    return frames.transaction(message, slot=1, block_time_s=2, received_at_ns=3)


def without_inner(
    message: geyser_pb2.SubscribeUpdateTransactionInfo,
) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    """The same transaction as a source without inner instructions gives it."""
    stripped = geyser_pb2.SubscribeUpdateTransactionInfo()
    stripped.CopyFrom(message)
    del stripped.meta.inner_instructions[:]
    stripped.meta.inner_instructions_none = True
    return stripped


def index() -> dict[str, list[str]]:
    """The events of each file, as the index beside them says: `name` or `name:version`."""
    rows = {}
    for line in mainnet.index().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) in {2, 12}:
            events = cells[5] if len(cells) == 12 else cells[1]
            rows[cells[0]] = [] if events == "-" else events.split(", ")
    return rows


def told(event: WireEvent, known: list[str]) -> str:
    """The event in the words of the index."""
    name = event.layout.name
    plain = name not in LABELLED or not any(row.startswith(f"{name}:") for row in known)
    return name if plain else f"{name}:{event.version.label}"


def same(found: Any, said: Any) -> bool:
    """Whether a value is what another decoder says, which writes large numbers as text."""
    if isinstance(said, list):
        return all(map(same, found, said)) and len(found) == len(said)
    if isinstance(said, dict):
        return all(same(found[key], value) for key, value in said.items())
    return found == said or (not isinstance(found, bool) and str(found) == said)


def readable(paths: list[Path]) -> list[Path]:
    """Those that did not fail."""
    return [path for path in paths if not info(path).meta.HasField("err")]


every_landed = pytest.mark.parametrize(
    "path", readable(mainnet.transactions()), ids=lambda path: path.stem[:12]
)


@pytest.mark.parametrize(
    "path",
    mainnet.transactions() + mainnet.transactions_base64() + mainnet.simulated(),
    ids=lambda path: f"{path.parent.name}-{path.stem[:60]}",
)
def test_a_file_holds_the_events_that_the_index_says(path: Path) -> None:
    message = info(path)
    known = [row for row in index()[path.stem] if row.strip() != "UNK"]
    found = decode(view(message))
    expected = [] if message.meta.HasField("err") else known
    assert sorted(told(event, known) for event in found.events) == sorted(expected)
    assert found.undecoded == []
    assert [event.tail for event in found.events] == [b""] * len(found.events)


@pytest.mark.parametrize("path", mainnet.transactions_base64(), ids=lambda path: path.stem[:12])
def test_both_encodings_give_the_same_message(path: Path) -> None:
    assert info(path) == info(path.parent.parent / "tx" / path.name)


@every_landed
def test_log_lines_and_instructions_say_the_same(path: Path) -> None:
    """And each event has the same place, hence the same id, wherever it was found."""
    message = info(path)
    by_call = {event.place[:2]: event for event in decode(view(message)).events}
    stripped = without_inner(message)
    by_log = decode(view(stripped))
    for event in by_log.events:
        twin = by_call.pop(event.place[:2])
        assert (event.layout, event.version, event.values) == (
            twin.layout,
            twin.version,
            twin.values,
        )
        assert event.place == twin.place._replace(source="log")
    cut = TRUNCATED in message.meta.log_messages
    assert [gone.reason for gone in by_log.undecoded] == ["not_recorded"] * cut
    assert cut or not by_call


@every_landed
def test_every_event_of_a_landed_transaction_becomes_a_fact(path: Path) -> None:
    tx = view(info(path))
    batch = entries(tx)
    assert batch.dead == []
    assert (len(batch.entries), batch.unknown, batch.unknown_tails) == (batch.decoded, 0, 0)
    for entry in batch.entries:
        event = decode_event(entry.payload)
        assert (event.id, event.subject) == (entry.id, entry.subject)
        assert re.fullmatch(rf"{path.stem}:\d+\.\d+", entry.id)
    assert len({entry.id for entry in batch.entries}) == len(batch.entries)


def told_by_others(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Name and values of each event that an independent decoder published."""
    expected = mainnet.read(path)["expected"]
    return [
        (event.get("name") or event["event"], event.get("data") or event["fields"])
        for event in expected
    ]


def logged(path: Path) -> list[tuple[Layout, dict[str, Any], str, int]]:
    """Layout, fields, last field's name and length of the events in a file of single events."""
    found = []
    for event in mainnet.read(path)["events"]:
        data = b64decode(event["program_data_b64"])
        layout = BY_PROGRAM[event["program"]][data[:8]]
        values, version, end = layout.read(data, 8)
        found.append((layout, layout.plain(values), layout.fields_of(version)[-1].name, end))
    return found


@pytest.mark.parametrize("path", mainnet.expected(), ids=lambda path: path.stem[:20])
def test_values_are_those_of_independent_decoders(path: Path) -> None:
    others = told_by_others(path)
    single = path.parent.parent / "tx_logs" / path.name
    if single.exists():
        ours = [(layout.name, fields) for layout, fields, _, _ in logged(single)]
    else:
        tx = view(info(path.parent.parent / "tx" / path.name))
        ours = [(event.layout.name, event.plain()) for event in decode(tx).events]
    assert [name for name, _ in ours] == [name for name, _ in others]
    for (name, fields), (_, said) in zip(ours, others, strict=True):
        differing = {
            key: value
            for key, value in said.items()
            if key not in ADDED_BY_OTHERS and not same(fields[key], value)
        }
        assert differing == {}, name


@pytest.mark.parametrize("path", mainnet.logged_events(), ids=lambda path: path.stem[:20])
def test_single_events_are_read_to_their_last_byte(path: Path) -> None:
    for event, (layout, fields, last, end) in zip(
        mainnet.read(path)["events"], logged(path), strict=True
    ):
        assert (layout.name, last, end) == (event["event"], event["last_field"], event["bytes"])
        differing = {
            key: value for key, value in event["decoded"].items() if not same(fields[key], value)
        }
        assert differing == {}


def trades(kind: type[T]) -> list[T]:
    return [
        event
        for path in readable(mainnet.transactions())
        for event in translated(view(info(path))).events
        if isinstance(event, kind)
    ]


def test_a_pool_trade_follows_from_the_reserves_before_it() -> None:
    """Which proves the reserves, the net amount and the sign of the virtual ones at once."""
    found = trades(PoolTraded)
    assert len(found) >= 9
    for trade in found:
        quote = trade.pool_quote_reserves + trade.virtual_quote_reserves
        base = trade.pool_base_reserves
        if trade.side == "buy":
            due = quote * trade.base_amount / (base - trade.base_amount)
            paid = trade.quote_amount
            assert trade.user_quote_amount > paid == trade.pool_quote_delta - trade.lp_fee
            assert 0 <= paid - due <= 2
        else:
            due = quote * trade.base_amount / (base + trade.base_amount)
            assert 0 <= due - trade.quote_amount <= 2
            assert trade.user_quote_amount < trade.quote_amount
            assert trade.pool_quote_delta == -(trade.quote_amount - trade.lp_fee)


def test_a_pool_is_canonical_by_its_address_alone() -> None:
    found = {trade.pool: trade for trade in trades(PoolTraded)}
    usdc = [trade for trade in found.values() if not trade.canonical]
    assert [trade.base_mint for trade in usdc] == [USDC]
    for trade in found.values():
        assert trade.canonical == trade.mint.endswith("pump")


def test_a_graduated_token_moves_to_its_canonical_pool() -> None:
    path = next(path for path in mainnet.transactions() if path.stem.startswith("32tjvqFP"))
    created, boosted, migrated = translated(view(info(path))).events
    assert isinstance(created, PoolCreated)
    assert isinstance(boosted, PoolBoosted)
    assert isinstance(migrated, TokenMigrated)
    pool = canonical_pool(migrated.mint, migrated.quote_mint)
    assert (created.pool, boosted.pool, migrated.pool) == (pool, pool, pool)
    assert created.canonical
    assert created.pool_quote_reserves == (
        boosted.pool_quote_reserves + boosted.virtual_quote_reserves
    )


def test_a_curve_trade_has_the_reserves_of_its_own_quote() -> None:
    """An initial curve's quote reserves are virtual plus real, whatever the quote is."""
    found = trades(CurveTraded)
    assert {trade.quote_mint == NATIVE_SOL for trade in found} == {True, False}
    for trade in found:
        assert trade.quote_amount > 0
        assert trade.virtual_quote_reserves > trade.real_quote_reserves > 0
        assert trade.virtual_token_reserves - trade.real_token_reserves == 279_900_000_000_000
        assert trade.quote_decimals is not None
        if trade.quote_mint == NATIVE_SOL:
            assert trade.virtual_quote_reserves - trade.real_quote_reserves == 30_000_000_000


def test_a_failed_transaction_says_nothing_even_where_it_emitted() -> None:
    failed = [p for p in mainnet.transactions() if info(p).meta.HasField("err")]
    assert len(failed) == 6
    for path in failed:
        batch = entries(view(info(path)))
        assert (batch.entries, batch.dead, batch.failed) == ([], [], 1)


def test_accounts_are_read_behind_their_padding() -> None:
    for path in mainnet.accounts():
        account = mainnet.read(path)
        for layout in (BONDING_CURVE, POOL):
            if "data_base64" not in account:
                continue
            data = b64decode(account["data_base64"])
            if data[:8] != layout.discriminator:
                continue
            values, _, end = layout.read(data, 8)
            assert len(values) > 6
            assert set(data[end:]) <= {0}


def test_the_price_of_sol_is_what_others_read() -> None:
    read = 0
    for path in mainnet.accounts():
        stored = mainnet.read(path)
        if stored.get("pubkey") not in PYTH_SOL_USD or "owner" not in stored:
            continue
        price = sol_priced(
            b64decode(stored["data_base64"]),
            account=stored["pubkey"],
            owner=stored["owner"],
            slot=1,
            received_at_ns=1,
        )
        read += 1
        said = stored.get("expected", {})
        found = {"price": price.price, "exponent": price.exponent, "conf": price.confidence}
        assert {key: value for key, value in said.items() if found.get(key, value) != value} == {}
        assert 10 < price.price * 10**price.exponent < 1_000
    assert read >= 2
