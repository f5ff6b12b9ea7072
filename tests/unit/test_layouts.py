"""The declared layouts have the sizes and names that the chain shows."""

from hashlib import sha256

import pytest

from curvetape.testing.layouts import address, example
from domain.programs import PUMP, PUMP_AMM, PUMP_FEES
from ingest.layouts.catalogue import EVENTS, encode, event, table
from ingest.layouts.declaration import declare
from ingest.layouts.layout import TooShortError

FIXED_SIZES = {
    ("TradeEvent", "T1"): 129,
    ("TradeEvent", "T2"): 225,
    ("TradeEvent", "T3"): 258,
    ("TradeEvent", "T4"): 262,
    ("TradeEvent", "T5"): 263,
    ("TradeEvent", "T6"): 279,
    ("TradeEvent", "T7"): 355,
    ("TradeEvent", "T8"): 371,
    ("TradeEvent", "T9"): 379,
    ("TradeEvent", "T9+u64"): 387,
    ("CompleteEvent", "1"): 112,
    ("CompleteEvent", "2"): 144,
    ("CompletePumpAmmMigrationEvent", "1"): 168,
    ("CompletePumpAmmMigrationEvent", "2"): 200,
    ("PostCompleteBuyEvent", "1"): 232,
    ("BuyEvent", "B1"): 312,
    ("BuyEvent", "B2"): 360,
    ("BuyEvent", "B3"): 393,
    ("BuyEvent", "B4"): 405,
    ("BuyEvent", "B5"): 421,
    ("BuyEvent", "B6"): 437,
    ("BuyEvent", "B7"): 462,
    ("BuyEvent", "B8"): 478,
    ("BuyEvent", "B9"): 486,
    ("BuyEvent", "B9+u64"): 494,
    ("SellEvent", "S6"): 417,
    ("SellEvent", "S8"): 441,
    ("SellEvent", "S8+u64"): 449,
    ("CreatePoolEvent", "P3"): 334,
    ("CreatePoolEvent", "P5"): 344,
    ("DepositEvent", "1"): 256,
    ("WithdrawEvent", "1"): 256,
}


@pytest.mark.parametrize(("name", "label"), FIXED_SIZES)
def test_a_version_has_the_size_that_the_chain_shows(name: str, label: str) -> None:
    program = PUMP_AMM if any(e.name == name and e.program == PUMP_AMM for e in EVENTS) else PUMP
    layout = event(program, name)
    values = example(layout, layout.named(label), ix_name="", shareholders=[])
    assert len(layout.write(label, values)) == FIXED_SIZES[name, label]


def test_every_discriminator_is_the_hash_of_its_name() -> None:
    for layout in EVENTS:
        assert layout.discriminator == sha256(f"event:{layout.name}".encode()).digest()[:8]


def test_every_field_of_an_event_has_a_name_of_its_own() -> None:
    for layout in EVENTS:
        names = [field.name for field in layout.fields]
        assert len(names) == len(set(names)), layout.name


def test_all_three_programs_are_covered() -> None:
    counts = dict.fromkeys((PUMP, PUMP_AMM, PUMP_FEES), 0)
    for layout in EVENTS:
        counts[layout.program] += 1
    assert counts == {PUMP: 33, PUMP_AMM: 30, PUMP_FEES: 23}


def test_extend_account_differs_in_order_between_the_programs() -> None:
    def names(program: str) -> list[str]:
        return [field.name for field in event(program, "ExtendAccountEvent").fields]

    assert names(PUMP) == ["account", "user", "current_size", "new_size", "timestamp"]
    assert names(PUMP_AMM) == ["timestamp", "account", "user", "current_size", "new_size"]


def test_an_event_is_encoded_from_names_and_base58() -> None:
    values = {"user": address("u"), "mint": address("m"), "bonding_curve": address("c")}
    data = encode(PUMP, "CompleteEvent", "1", values | {"timestamp": -1})
    layout = event(PUMP, "CompleteEvent")
    read, version, end = layout.read(data, 8)
    assert layout.plain(read) == values | {"timestamp": -1}
    assert (version.label, end) == ("1", 112)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="timestamp"):
        encode(
            PUMP,
            "CompleteEvent",
            "1",
            {"user": address("u"), "mint": address("m"), "bonding_curve": address("c")},
        )


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(KeyError, match="TradeEvent has no version T99"):
        event(PUMP, "TradeEvent").named("T99")


def test_the_table_has_a_row_for_every_version() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) == sum(len(layout.versions) for layout in EVENTS)
    assert any("| TradeEvent | T4 | ix_name string |" in row for row in rows)


(ODD,) = declare(PUMP, "Odd 0102030405060708\n  1 flag bool\n  2 name string\n  3 some vec<u64>")


def test_a_byte_that_is_no_bool_is_not_read_as_one() -> None:
    with pytest.raises(TooShortError, match="Odd: 1 bytes cannot be its first version, 1"):
        ODD.read(b"\x02", 0)


@pytest.mark.parametrize(
    "beyond",
    [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7fabc", b"\x04\x00\x00\x00abc"],
    ids=["all bits", "2 GiB", "one byte short"],
)
def test_a_length_beyond_the_bytes_ends_the_event_before_it(beyond: bytes) -> None:
    values, version, end = ODD.read(b"\x01" + beyond, 0)
    assert (values, version.label, end) == ([True], "1", 1)


def test_a_number_of_items_beyond_the_bytes_ends_the_event_before_it() -> None:
    data = b"\x01" + b"\x01\x00\x00\x00a" + b"\xff\xff\xff\xff" + bytes(64)
    values, version, end = ODD.read(data, 0)
    assert (values, version.label, end) == ([True, "a"], "2", 6)


def test_a_damaged_name_does_not_hide_the_event() -> None:
    values, version, _ = ODD.read(b"\x01" + b"\x02\x00\x00\x00a\xff", 0)
    assert (values, version.label) == ([True, "a\N{REPLACEMENT CHARACTER}"], "2")
