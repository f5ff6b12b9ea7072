"""Reserves continue from event to event, and what breaks them is found and named."""

from collections.abc import Iterable
from typing import Any

import msgspec

from curvetape.testing.certified import CertifiedLog, Message, certified
from curvetape.testing.events import (
    completed,
    created,
    curve_traded,
    migrated,
    pool_created,
    pool_traded,
    repriced,
)
from domain.events import (
    AnyEvent,
    CurveFeeSwept,
    CurveTraded,
    MintEvent,
    PoolDeposited,
    PoolFeeSwept,
    PoolTraded,
)
from domain.position import Position
from domain.programs import NATIVE_SOL
from projections.audit.breaks import Break
from projections.audit.reserves import ReserveReport, Reserves
from projections.audit.segments import SEGMENTS_MAX, STRAYS_MAX
from projections.audit.steps import stepper


def at_once(events: Iterable[AnyEvent]) -> Reserves:
    """A walk over a log from before certificates."""
    walk = Reserves()
    for sequence, event in enumerate(events, 1):
        walk.take(sequence, msgspec.structs.replace(event, provisional=False))
    return walk


def walked(messages: Iterable[Message], **options: Any) -> Reserves:
    walk = Reserves(**options)
    for sequence, _, event in messages:
        walk.take(sequence, event)
    return walk


def only(report: ReserveReport) -> Break:
    """The one break of a report."""
    assert len(report.worst) == 1
    assert sum(report.breaks.values()) == 1
    return report.worst[0]


def buys(number: int, mint: str, count: int, **fields: Any) -> list[CurveTraded]:
    """Buys of 1,000 tokens for 10 units of quote each, one behind the other, from slot `number`."""
    return [
        curve_traded(
            number + at,
            mint,
            quote_amount=10,
            token_amount=1_000,
            virtual_quote_reserves=30_000_000_000 + 10 * (at + 1),
            virtual_token_reserves=1_073_000_000_000_000 - 1_000 * (at + 1),
            real_quote_reserves=10 * (at + 1),
            real_token_reserves=793_100_000_000_000 - 1_000 * (at + 1),
            **fields,
        )
        for at in range(count)
    ]


def in_pool(number: int, mint: str, base: int, quote: int, **fields: Any) -> PoolTraded:
    """A buy of 10 base for 100 quote that finds the vaults like this."""
    amounts = {"base_amount": 10, "quote_amount": 99, "pool_quote_delta": 100}
    vaults = {"pool_base_reserves": base, "pool_quote_reserves": quote}
    return pool_traded(number, mint, **amounts | vaults | fields)


def test_a_trade_that_stands_twice_is_found() -> None:
    events = list(buys(2, "mint", 5))
    twice = msgspec.structs.replace(events[2], id="other:0.0", pos=Position(4, 9, 0, 0))
    report = at_once([created(1, "mint"), *events, twice]).report()
    found = only(report)
    assert (report.verdict, found.cause, found.after) == ("not proven", "extra", None)
    assert found.before.id == "other:0.0"


def test_a_break_names_both_sides_and_what_happened_in_between() -> None:
    first, second, third = buys(2, "mint", 3)
    found = only(at_once([created(1, "mint"), first, third]).report())
    assert found.after is not None
    assert (found.after.slot, found.after.signature) == (2, first.signature)
    assert (found.before.slot, found.before.signature) == (4, third.signature)
    assert found.moved == {
        "virtual_quote": second.quote_amount,
        "virtual_token": -second.token_amount,
        "real_quote": second.quote_amount,
        "real_token": -second.token_amount,
    }
    assert found.expected["real_quote"] == first.real_quote_reserves


def test_a_sold_out_curve_has_to_have_sold_out() -> None:
    events: list[AnyEvent] = [created(1, "mint"), *buys(2, "mint", 2)]
    for end in (completed(9, "mint"), migrated(9, "mint")):
        found = only(at_once([*events, end]).report())
        assert (found.cause, set(found.moved)) == ("missing", {"real_token"})


def test_what_is_provisional_waits_for_its_certificate() -> None:
    log = CertifiedLog()
    first, second, third = buys(2, "mint", 3)
    log.append(created(1, "mint"))
    log.seal(1)
    log.append(first, third)
    log.seal(2)
    report = walked(log).report()
    assert (report.verdict, report.events, report.waiting) == ("connected", 2, 1)
    log.append(second)
    log.seal(3)
    log.seal(4)
    report = walked(log).report()
    assert (report.verdict, report.events, report.waiting) == ("connected", 4, 0)


def test_what_was_taken_back_counts_for_nothing() -> None:
    log = CertifiedLog()
    dead, right = buys(2, "mint", 2)
    log.append(created(1, "mint"))
    log.seal(1)
    log.append(msgspec.structs.replace(dead, quote_amount=77))
    log.abandon(2)
    log.append(dead)
    log.seal(2)
    log.append(right)
    log.seal(3)
    report = walked(log).report()
    assert (report.verdict, report.events, report.breaks) == ("connected", 3, {})


def test_what_is_taken_back_after_its_certificate_needs_a_second_walk() -> None:
    log = CertifiedLog()
    dead, right = buys(2, "mint", 2)
    log.append(created(1, "mint"))
    log.seal(1)
    log.append(msgspec.structs.replace(dead, quote_amount=77))
    log.seal(2)
    log.abandon(2)
    log.append(dead)
    log.seal(2, parent=1)
    log.append(right)
    log.seal(3)
    first = walked(log)
    assert set(first.late) == {2}
    second = walked(log, retractions=first.late)
    assert second.late == {}
    report = second.report()
    assert (report.verdict, report.events, report.breaks) == ("connected", 3, {})


def test_a_break_in_a_recorded_gap_is_that_gap() -> None:
    log = CertifiedLog()
    trades = buys(2, "mint", 5)
    log.append(created(1, "mint"))
    log.seal(1)
    log.append(trades[0])
    log.seal(2)
    log.gap(3, 4)
    log.append(trades[3])
    log.seal(5)
    report = walked(log).report()
    assert (report.verdict, only(report).cause) == ("not proven", "gap")
    assert report.open_gaps == ((3, 4),)
    log.append(trades[2], trades[1])
    log.seal(3, parent=2)
    log.seal(4, parent=3)
    log.fill(3, 4)
    report = walked(log).report()
    assert (report.verdict, report.breaks, report.events) == ("connected", {}, 5)


def test_a_vault_that_only_grew_cannot_be_told_from_a_gift() -> None:
    pool = pool_created(1, "mint", pool_base_reserves=1_000, pool_quote_reserves=5_000)
    report = at_once([pool, in_pool(2, "mint", 1_000, 5_007)]).report()
    found = only(report)
    assert (report.verdict, found.cause, found.moved) == ("connected", "surplus", {"quote": 7})
    both = at_once([pool, in_pool(2, "mint", 1_003, 5_007)]).report()
    assert (both.verdict, only(both).cause) == ("not proven", "missing")
    less = at_once([pool, in_pool(2, "mint", 1_000, 4_999)]).report()
    assert (less.verdict, only(less).cause) == ("not proven", "missing")


def test_new_virtual_reserves_without_an_event_are_said_and_not_judged() -> None:
    trades = buys(2, "mint", 2)
    wrong = msgspec.structs.replace(trades[1], virtual_quote_reserves=29_000_000_000)
    report = at_once([created(1, "mint"), trades[0], wrong]).report()
    assert (report.verdict, only(report).cause) == ("connected", "repriced")


def test_a_repricing_is_a_step_of_its_curve() -> None:
    start = created(1, "mint")
    new = repriced(2, "mint", real_token_reserves=793_100_000_000_000, real_quote_reserves=0)
    buy = curve_traded(
        3,
        "mint",
        quote_amount=10,
        token_amount=1_000,
        virtual_quote_reserves=29_000_000_010,
        virtual_token_reserves=899_999_999_999_000,
        real_quote_reserves=10,
        real_token_reserves=793_099_999_999_000,
    )
    assert at_once([start, new, buy]).report().breaks == {}
    assert at_once([start, buy]).report().breaks == {"repriced": 1}


def test_a_mint_first_seen_in_mid_life_is_no_break() -> None:
    report = at_once(buys(2, "mint", 5)[2:]).report()
    assert (report.verdict, report.from_mid_life, report.breaks) == ("connected", 1, {})


def test_pools_of_one_mint_are_audited_apart() -> None:
    events = [
        in_pool(1, "mint", 1_000, 5_000),
        in_pool(2, "mint", 70, 80, pool="other", canonical=False),
        in_pool(3, "mint", 990, 5_100),
        in_pool(4, "mint", 60, 180, pool="other", canonical=False),
    ]
    report = at_once(events).report()
    assert (report.breaks, report.mints, report.pools, report.pools_canonical) == ({}, 1, 2, 1)


def test_fees_that_stay_in_the_vault_are_counted_and_those_for_buybacks_are_not() -> None:
    kept = {
        "protocol_fee_recipient": NATIVE_SOL,
        "protocol_fee": 6,
        "coin_creator_fee": 3,
        "buyback_fee": 2,
        "can_boost": True,
    }
    first = in_pool(1, "mint", 1_000, 5_000, virtual_quote_reserves=50, **kept)
    second = in_pool(2, "mint", 990, 5_107, virtual_quote_reserves=43, can_boost=True)
    assert at_once([first, second]).report().breaks == {}
    held = in_pool(2, "mint", 990, 5_109, virtual_quote_reserves=41, can_boost=True)
    assert at_once([first, held]).report().breaks == {"missing": 1}
    other = in_pool(2, "mint", 990, 5_109, virtual_quote_reserves=43, can_boost=True)
    assert at_once([first, other]).report().breaks == {"surplus": 1}


def swept(number: int, amount: int) -> PoolFeeSwept:
    like = in_pool(number, "mint", 1, 1)
    common = {
        field: getattr(like, field)
        for field in (*MintEvent.__struct_fields__, "pool", "base_mint", "quote_mint")
    }
    return PoolFeeSwept(**common, recipient="r", payer="p", amount=amount, bucket=0)


def test_swept_fees_wait_for_the_events_on_both_sides() -> None:
    first, second = in_pool(1, "mint", 1_000, 5_000), in_pool(3, "mint", 990, 5_060)
    sweep = swept(2, 40)
    orders: list[list[AnyEvent]] = [
        [first, sweep, second],
        [first, second, sweep],
        [sweep, second, first],
    ]
    for order in orders:
        report = at_once(order).report()
        assert (report.breaks, report.events) == ({}, 3)
    assert at_once([first, second]).report().breaks == {"missing": 1}
    assert at_once([first, swept(2, 41), second]).report().breaks == {"surplus": 1}


def test_curve_fees_that_are_swept_move_no_reserves() -> None:
    assert stepper(CurveFeeSwept) is None


def test_layouts_from_before_virtual_reserves_are_not_asked_for_them() -> None:
    old = in_pool(1, "mint", 1_000, 5_000)
    new = in_pool(2, "mint", 990, 5_100, virtual_quote_reserves=12, can_boost=True)
    assert at_once([old, new]).report().breaks == {}


def test_what_comes_late_falls_into_its_place() -> None:
    events: list[AnyEvent] = [created(1, "mint"), *buys(2, "mint", 20)]
    for order in (events[::-1], events[::2] + events[1::2], events[10:] + events[:10]):
        report = at_once(order).report()
        assert (report.breaks, report.events, report.from_mid_life) == ({}, 21, 0)


def test_a_market_that_never_connects_takes_bounded_memory_and_is_counted_whole() -> None:
    trades = buys(1, "mint", 2_000)[::2]
    walk = at_once(trades)
    report = walk.report()
    assert report.breaks == {"missing": 999}
    assert report.events == 1_000
    assert len(walk._chains["mint"].segments) <= SEGMENTS_MAX
    again = at_once([*trades, *trades])
    assert again.report().breaks["extra"] == 1_000
    assert len(again._chains["mint"].strays) == STRAYS_MAX


def test_one_mint_can_be_asked_for_alone_and_is_listed() -> None:
    events: list[AnyEvent] = [created(1, "one"), created(1, "two")]
    events += [*buys(2, "one", 3), *buys(2, "two", 3)[1:]]
    walk = walked(((at, b"", event) for at, event in enumerate(events, 1)), mints=["one"])
    report = walk.report()
    assert (report.verdict, report.mints, report.events) == ("connected", 1, 4)
    assert [(it.mint, it.events, it.segments) for it in report.markets] == [("one", 4, 1)]
    absent = walked((), mints=["one"]).report()
    assert (absent.verdict, absent.mints_absent) == ("not proven", ("one",))


def test_earlier_slots_can_be_left_out() -> None:
    first, _, *others = buys(2, "mint", 5)
    log = certified([created(1, "mint"), first, *others])
    assert walked(log).report().breaks == {"missing": 1}
    report = walked(log, from_slot=4).report()
    assert (report.breaks, report.events, report.from_mid_life) == ({}, 3, 1)


def test_a_message_that_cannot_be_read_is_damage() -> None:
    walk = at_once(buys(2, "mint", 2))
    walk.unreadable()
    assert walk.report().verdict == "damaged"


def test_liquidity_moves_both_vaults() -> None:
    like = in_pool(1, "mint", 1_000, 5_000)
    names = (*MintEvent.__struct_fields__, "pool", "base_mint", "quote_mint", "canonical")
    common = {field: getattr(like, field) for field in names}
    deposit = PoolDeposited(
        **common,
        user="u",
        base_amount=10,
        quote_amount=50,
        lp_token_amount=1,
        lp_mint_supply=100,
        pool_base_reserves=1_000,
        pool_quote_reserves=5_000,
    )
    assert at_once([deposit, in_pool(2, "mint", 1_010, 5_050)]).report().breaks == {}
    assert at_once([deposit, in_pool(2, "mint", 1_000, 5_050)]).report().breaks == {"missing": 1}
