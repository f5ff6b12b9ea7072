"""Whole markets, simulated and real, continue; and not one trade can be taken out unseen."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import pytest

from adapters.yellowstone import frames, recorded
from curvetape.testing import mainnet
from curvetape.testing.certified import certified
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent, CurveTraded, PoolFeeSwept, PoolTraded, decode, encode
from domain.programs import NATIVE_SOL
from ingest.transaction import translated
from projections.audit.breaks import Break
from projections.audit.reserves import ReserveReport, Reserves
from projections.audit.steps import Step, stepper

BLOCKS = 150
BESIDE = 20
"""Events on each side of one that is tried: breaks are found between neighbours."""


@lru_cache(1)
def market() -> tuple[AnyEvent, ...]:
    """The events of a simulated market in the chain's order, as a log gives them back."""
    events = [
        event
        for block, _ in first_blocks(BLOCKS)
        for tx in views(block)
        if not tx.failed
        for event in sorted(translated(tx).events, key=lambda event: event.pos)
    ]
    return tuple(decode(encode(event)) for event in events)


def at_once(events: Iterable[AnyEvent]) -> Reserves:
    """A walk over a log from before certificates."""
    walk = Reserves()
    for sequence, event in enumerate(events, 1):
        walk.take(sequence, msgspec.structs.replace(event, provisional=False))
    return walk


def step(event: AnyEvent) -> Step | None:
    make = stepper(type(event))
    return None if make is None else make(event)


@lru_cache(1)
def by_market() -> dict[str, list[AnyEvent]]:
    """The simulated events of each curve and pool."""
    found: dict[str, list[AnyEvent]] = {}
    for event in market():
        if (made := step(event)) is not None:
            found.setdefault(made.address, []).append(event)
    return found


def only(report: ReserveReport) -> Break:
    """The one break of a report."""
    assert len(report.worst) == 1
    assert sum(report.breaks.values()) == 1
    return report.worst[0]


def test_a_whole_market_is_connected() -> None:
    walk = Reserves()
    for sequence, _, event in certified(market()):
        walk.take(sequence, event)
    report = walk.report()
    assert report.verdict == "connected"
    assert report.breaks == {}
    assert report.events > 5_000
    assert report.pools_canonical == report.pools > 2
    assert report.from_mid_life == 0
    assert report.waiting == 0


def neighbourhoods(trades_max: int) -> Iterator[tuple[list[AnyEvent], int]]:
    """Trades, half of them of curves and half of pools, each with its market's events beside it.

    Told is where among these the trade stands; a trade of the same market follows it.
    """
    for kind in (CurveTraded, PoolTraded):
        left = trades_max // 2
        for events in by_market().values():
            for at in range(1, len(events)):
                beside = events[max(at - BESIDE, 0) : at + BESIDE]
                place = min(at, BESIDE)
                if (
                    left
                    and isinstance(events[at], kind)
                    and any(isinstance(it, kind) for it in beside[place + 1 :])
                ):
                    yield beside, place
                    left -= 1


def test_every_trade_that_is_removed_is_found() -> None:
    removed = 0
    for events, at in neighbourhoods(2_000):
        found = only(at_once(events[:at] + events[at + 1 :]).report())
        assert found.cause == "missing"
        assert found.after is not None
        before = [it for it in events[:at] if not isinstance(it, PoolFeeSwept)]
        assert found.after.id == before[-1].id
        removed += 1
    assert removed > 1_000


def test_every_trade_that_is_altered_is_found() -> None:
    altered = 0
    for events, at in neighbourhoods(2_000):
        event = events[at]
        field = "token_amount" if isinstance(event, CurveTraded) else "base_amount"
        wrong = msgspec.structs.replace(event, **{field: getattr(event, field) + 1})
        assert at_once([*events[:at], wrong, *events[at + 1 :]]).report().breaks
        altered += 1
    assert altered > 1_000


real = pytest.mark.skipif(
    mainnet.MAINNET is None, reason="real transactions lie beside the project on some machines"
)


def landed() -> Iterable[tuple[Sequence[AnyEvent], dict[tuple[str, str], int]]]:
    """Of each real transaction its events, and each owner's balance of each mint behind it."""
    for path in mainnet.transactions():
        recording = recorded.transaction(mainnet.read(path))
        tx = frames.transaction(recording.info, slot=1, block_time_s=2, received_at_ns=3)
        if not tx.failed:
            balances = {
                (it.owner, it.mint): int(it.ui_token_amount.amount)
                for it in recording.info.meta.post_token_balances
            }
            yield sorted(translated(tx).events, key=lambda event: event.pos), balances


@real
def test_real_events_of_one_transaction_continue_each_other() -> None:
    connected = 0
    for events, _ in landed():
        report = at_once(events).report()
        assert report.breaks == {}
        connected += report.events - report.curves - report.pools
    assert connected > 15


@real
def test_real_pools_hold_afterwards_what_the_arithmetic_says() -> None:
    checked = kept = 0
    for events, balances in landed():
        last = {event.pool: event for event in events if isinstance(event, PoolTraded)}
        for event in last.values():
            made = step(event)
            assert made is not None
            held = (balances[event.pool, event.base_mint], balances[event.pool, event.quote_mint])
            assert made.after[:2] == held
            checked += 1
            kept += event.protocol_fee_recipient == NATIVE_SOL
    assert checked > 8
    assert kept > 5


def real_slots(*signatures: str) -> list[AnyEvent]:
    """The events of real transactions, in their own slots and places."""
    events: list[AnyEvent] = []
    for path in mainnet.transactions():
        if path.name.startswith(signatures):
            recording = recorded.transaction(mainnet.read(path))
            assert recording.slot is not None
            tx = frames.transaction(
                recording.info, slot=recording.slot, block_time_s=2, received_at_ns=3
            )
            events += translated(tx).events
    return events


@real
def test_a_real_coin_goes_from_its_launch_to_its_pool_without_a_break() -> None:
    report = at_once(real_slots("62w8Lcki", "32tjvqFP")).report()
    assert (report.verdict, report.breaks, report.from_mid_life) == ("connected", {}, 0)
    assert (report.curves, report.pools_canonical, report.events) == (1, 1, 6)


@real
def test_real_trades_that_others_came_between_do_not_connect() -> None:
    found = only(at_once(real_slots("4dG9FmeZ", "2KBsKB7x")).report())
    assert (found.cause, found.before.slot - found.after.slot if found.after else 0) == (
        "missing",
        16,
    )
