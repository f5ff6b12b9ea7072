"""What the decoder finds in the generated blocks is exactly what the programs emitted in them."""

from typing import Any

from curvetape.simulator.strangers import LAUNCHPAD
from curvetape.testing.simulated import first_blocks, keys, views
from domain.events import PoolTraded
from ingest.decode import SELF_CALL_PREFIX, decode
from ingest.layouts.types import address
from ingest.transaction import entries, translated

BLOCKS = 120


def listed(value: Any) -> Any:
    """The value with lists for tuples, since only their contents matter."""
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def test_the_decoder_finds_exactly_what_was_emitted() -> None:
    events = 0
    for block, emitted in first_blocks(BLOCKS):
        expected = [
            (event.id, event.program, event.name, listed(event.values)) for event in emitted
        ]
        found = [
            (
                f"{signature}:{event.place.outer}.{event.place.inner}",
                event.layout.program,
                event.layout.name,
                listed(event.values),
            )
            for signature, decoded in (
                (entry_signature(view.signature), decode(view)) for view in views(block)
            )
            for event in decoded.events
        ]
        assert found == expected
        events += len(found)
    assert events > 3_000


def entry_signature(signature: bytes) -> str:
    """A signature in base58, made without the market's own code."""
    digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(signature), ""
    while number:
        number, digit = divmod(number, 58)
        text = digits[digit] + text
    return "1" * (len(signature) - len(signature.lstrip(b"\0"))) + text


def test_every_event_becomes_an_entry_of_the_log_and_nothing_is_left_over() -> None:
    for block, emitted in first_blocks(BLOCKS):
        batches = [entries(view) for view in views(block)]
        assert [entry.id for batch in batches for entry in batch.entries] == [
            event.id for event in emitted
        ]
        assert not any(batch.dead or batch.unknown_tails for batch in batches)


def test_trades_in_pools_are_known_as_those_of_the_graduated_coin() -> None:
    """All that the decoder proves about a pool it can prove from the generated transaction."""
    trades = 0
    for block, emitted in first_blocks(BLOCKS):
        facts = [fact for view in views(block) for fact in translated(view).events]
        for event, fact in zip(emitted, facts, strict=True):
            if isinstance(fact, PoolTraded):
                assert fact.canonical
                assert fact.pool == address(event.fields["pool"])
                assert fact.mint == fact.base_mint
                assert fact.mint.endswith("pump")
                assert fact.base_decimals == 6
                assert fact.quote_decimals in (6, 9)
                trades += 1
    assert trades > 300


def test_failed_transactions_carry_events_that_count_for_nothing() -> None:
    carrying = 0
    for block, emitted in first_blocks(BLOCKS):
        landed = {event.signature for event in emitted}
        for info, view in zip(block.transactions, views(block), strict=True):
            if info.meta.HasField("err"):
                assert view.failed
                assert info.signature not in landed
                carrying += any(
                    call.data.startswith(SELF_CALL_PREFIX)
                    for group in info.meta.inner_instructions
                    for call in group.instructions
                )
    assert carrying > 20


def test_strangers_with_the_same_discriminator_count_for_nothing() -> None:
    strangers = 0
    for block, emitted in first_blocks(BLOCKS):
        landed = {event.signature for event in emitted}
        for info in block.transactions:
            if LAUNCHPAD in keys(info):
                strangers += 1
                assert info.signature not in landed
                assert any("Program data: vdt/007mYe" in line for line in info.meta.log_messages)
                assert address(LAUNCHPAD) in info.meta.log_messages[-1]
    assert strangers > 5
