"""Documents over whole columns are those of the event-by-event core, to the last bit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, get_args

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from adapters.archive.search_source import parts as segment_parts
from adapters.postgres.search import SearchStore
from adapters.postgres.search_load import SearchLoad
from curvetape.testing.archives import sealed, stored
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import (
    burned,
    created,
    curve_traded,
    pool_traded,
    recorded,
    sol_priced,
)
from curvetape.testing.frames import rows_of
from curvetape.testing.holders import deposited, turned, withdrawn
from curvetape.testing.metadata import described
from curvetape.testing.tokens import token_histories
from domain.events import AnyEvent
from domain.position import LAST_TX, Position
from projections import search
from projections.search import REFRESH_S, Changes, Facts, Figures, Search, cutoff
from projections.search_frames import (
    BURNS,
    CLOCK,
    DOCUMENTS,
    FACTS,
    FIGURES,
    KINDS,
    RARE,
    TIMED,
    WAITING,
    columns_of,
    facts,
    is_odd,
    latest_s,
    parts,
)
from projections.token_change import Created
from projections.token_description import Described

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMN_MAX = (1 << 63) - 1
LONG_AGO_S = 0
"""The interval under which the tests keep what did not have to wait."""


@st.composite
def search_histories(draw: st.DrawFn) -> list[AnyEvent]:
    """Histories of cards, with events that only move the chain's clock."""
    events = list(draw(token_histories()))
    log = CertifiedLog()
    for number in draw(st.lists(st.integers(100, 900), unique=True, max_size=4)):
        builder = draw(st.sampled_from((deposited, withdrawn, None)))
        if builder is not None:
            events.append(builder(number, "mint1"))
        else:
            seconds = draw(st.sampled_from((None, curve_traded(number, "m").block_time_s)))
            events.append(log.seal(number, block_time_s=seconds))
    return events


def is_kept_whole(event: AnyEvent) -> bool:
    """Whether the archive keeps it byte for byte, since a column cannot hold it."""
    values = msgspec.structs.astuple(event)
    return any(isinstance(value, int) and value > COLUMN_MAX for value in values)


def by_columns(events: Sequence[AnyEvent]) -> Changes:
    """Of columns where they are exact, of the core for all other events."""
    said, odd, newest = [], [it for it in events if it.kind in RARE], 0
    for kind in KINDS:
        of_kind = [it for it in events if it.kind == kind]
        rows = rows_of(kind, of_kind, columns_of(kind))
        kept = pl.Series(map(is_kept_whole, of_kind), dtype=pl.Boolean)
        strange = rows.select(is_odd(kind) | kept).to_series()
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        rows = rows.filter(~strange)
        newest = max(newest, latest_s(rows))
        if kind not in TIMED:
            said.append(facts(kind, rows))
    return unframed(*parts(said, Search().apply(recorded(odd)), newest))


def unframed(
    documents: pl.DataFrame, waiting: pl.DataFrame, burns: pl.DataFrame, clock: pl.DataFrame
) -> Changes:
    """The changes that frames were made of, as far as documents show them."""
    changes = Changes({}, {}, *clock["latest_s"])
    assert all(clock["single"])
    for row in documents.iter_rows(named=True):
        mint = row["mint"]
        said = facts_of(row)
        changes.facts.setdefault(mint, Facts()).absorb(said)
        figures = changes.figures.setdefault((mint, LONG_AGO_S), Figures())
        figures.absorb(figures_of(row))
    for row in waiting.iter_rows(named=True):
        assert row["start_s"] % REFRESH_S == 0
        assert row["start_s"] >= cutoff(changes.latest_s)
        key = row["mint"], row["start_s"]
        changes.figures.setdefault(key, Figures()).absorb(figures_of(row))
    for mint, pos, amount in burns.iter_rows():
        changes.facts[mint].burned = changes.facts[mint].burned | {pos: amount}
    return changes


def facts_of(row: Mapping[str, Any]) -> Facts:
    said = Facts(
        completed_pos=row["completed_pos"],
        graduated_pos=row["graduated_pos"],
        pool_pos=row["pool_pos"],
    )
    for name, group in FACTS.items():
        if row[group.by] is None:
            assert [row[it] for it in group.columns] == [None] * len(group.columns), name
    if row["created_pos"] is not None:
        said.created = Created(
            row["created_pos"],
            row["created_time_s"],
            row["name"],
            row["symbol"],
            "",
            row["creator"],
            "",
            row["created_quote_mint"],
            None,
        )
        assert row["words"] == search.words(said.created)
    if row["described_attempt"] is not None:
        links = {
            name: "there" if row[f"has_{name}"] else None
            for name in ("website", "twitter", "telegram")
        }
        said.described = Described(row["described_attempt"], row["description"], **links)
        assert row["description_words"] == search.described_words(said.described)
    return said


def figures_of(row: Mapping[str, Any]) -> Figures:
    for name, group in FIGURES.items():
        if row[group.by] is None:
            assert [row[it] for it in group.columns] == [None] * len(group.columns), name
    return Figures(
        priced_pos=-1 if row["priced_pos"] is None else row["priced_pos"],
        price=row["price"],
        supplied_pos=-1 if row["supplied_pos"] is None else row["supplied_pos"],
        supply=row["supply_reported"],
        traded_pos=-1 if row["traded_pos"] is None else row["traded_pos"],
        traded_time_s=row["traded_time_s"],
        quote_mint=row["traded_quote_mint"],
        quote_decimals=row["quote_decimals"],
        trades=row["trades"],
        volume_quote=row["volume_quote"],
    )


def shown(changes: Changes) -> tuple[dict[str, tuple[Facts, Figures]], object, int]:
    """Documents, what waits and the clock, without what no document shows."""
    for each in changes.facts.values():
        if each.created is not None:
            it = each.created
            each.created = Created(
                it.pos, it.time_s, it.name, it.symbol, "", it.creator, "", it.quote_mint, None
            )
        if each.described is not None:
            said = each.described
            links = {
                name: None if getattr(said, name) is None else "there"
                for name in ("website", "twitter", "telegram")
            }
            each.described = Described(said.attempt, said.description, **links)
    figures, waiting = changes.due(cutoff(changes.latest_s))
    documents = {
        mint: (changes.facts.get(mint, Facts()), figures.get(mint, Figures()))
        for mint in changes.facts.keys() | figures.keys()
    }
    return documents, waiting, changes.latest_s


@QUICK
@given(search_histories(), st.randoms(use_true_random=False), st.sampled_from((500, 10, 3, 1)))
def test_columns_give_the_cores_documents_in_any_order_and_batches(
    events: list[AnyEvent], order: Random, size: int
) -> None:
    expected = shown(Search().apply(recorded(events)))
    order.shuffle(events)
    total = Changes({}, {})
    for at in range(0, len(events), size):
        total = search.merge(total, by_columns(events[at : at + size]))
    assert shown(total) == expected


def test_a_pool_that_calls_the_token_its_quote_tells_no_supply() -> None:
    event = pool_traded(3, "m", **turned("m") | {"canonical": True}, base_supply=7)
    later = curve_traded(300, "other")
    documents, *_ = shown(by_columns([event, later]))
    figures = documents["m"][1]
    assert (figures.supply, figures.trades) == (None, 1)


def test_a_pool_beside_the_canonical_one_tells_the_supply_and_nothing_else() -> None:
    event, later = pool_traded(3, "m", canonical=False, base_supply=7), curve_traded(300, "other")
    pos = event.pos.order_key
    assert shown(by_columns([event, later]))[0] == {
        "m": (Facts(), Figures(supplied_pos=pos, supply=7))
    }
    event = pool_traded(3, "m", canonical=False, base_supply=None)
    assert shown(by_columns([event, later]))[0] == {}


def test_what_only_waits_makes_no_document() -> None:
    documents, waiting, _ = shown(by_columns([curve_traded(3, "m")]))
    assert (documents, bool(waiting)) == ({}, True)


@pytest.mark.parametrize("seconds", [None, 2_000_000_004])
def test_a_certificate_moves_the_clock_where_it_has_a_time(seconds: int | None) -> None:
    trade = curve_traded(3, "m")
    changes = by_columns([trade, CertifiedLog().seal(9, block_time_s=seconds)])
    assert changes.latest_s == (seconds or trade.block_time_s)


@pytest.mark.parametrize("waits_s", [0, 2 * REFRESH_S])
def test_a_segments_certificates_say_what_is_due_of_its_trades(
    tmp_path: Path, waits_s: int
) -> None:
    log, trade = CertifiedLog(), curve_traded(3, "m")
    log.append(trade)
    log.seal(3, block_time_s=trade.block_time_s)
    log.seal(4, block_time_s=trade.block_time_s + waits_s)
    store = FolderStore(tmp_path)
    (segment,) = sealed(store, stored(log), events_max=10)
    documents, waiting, _, clock = segment_parts(chain.content_of(store, segment), {})
    assert (len(documents), len(waiting)) == ((1, 0) if waits_s else (0, 1))
    assert clock.rows() == [(True, trade.block_time_s + waits_s)]


def test_nothing_makes_no_clock_and_a_description_makes_one_that_has_not_begun() -> None:
    nothing = parts((), Search().apply(recorded([sol_priced(1)])), 0)
    assert [len(it) for it in nothing] == [0, 0, 0, 0]
    *_, clock = parts((), Search().apply(recorded([described(1, "m")])), 0)
    assert clock.rows() == [(True, 0)]


def test_volumes_add_up_beyond_what_a_column_of_the_archive_holds() -> None:
    trades = [curve_traded(1, "m", quote_amount=COLUMN_MAX) for _ in range(3)]
    documents, *_ = shown(by_columns([*trades, curve_traded(300, "other")]))
    assert documents["m"][1].volume_quote == 3 * COLUMN_MAX


def test_burns_are_kept_one_by_one() -> None:
    events: list[AnyEvent] = [created(1, "m"), burned(3, "m", base_amount=5), burned(4, "m")]
    _, _, burns, _ = parts((), Search().apply(recorded(events)), 0)
    assert [row["pos"] for row in burns.to_dicts()] == [it.pos.order_key for it in events[1:]]


def test_a_place_that_is_none_is_left_to_the_core_which_refuses_it() -> None:
    event = curve_traded(3, "m")
    event = msgspec.structs.replace(event, pos=Position(3, LAST_TX + 1, 0, 0))
    rows = rows_of("curve.traded", [event], columns_of("curve.traded"))
    assert rows.select(is_odd("curve.traded")).to_series().to_list() == [True]


def test_every_kind_that_has_a_block_time_moves_the_clock() -> None:
    timed = {
        it.__struct_config__.tag
        for it in get_args(AnyEvent)
        if "block_time_s" in it.__struct_fields__
    }
    assert {*KINDS, *RARE} == timed | {"token.described"}
    assert not set(KINDS) & set(RARE)


def test_frames_have_the_columns_of_the_tables() -> None:
    documents, *others = SearchLoad.parts
    frames = {"search_waiting": WAITING, "search_burns": BURNS, "search_clock": CLOCK}
    assert set(documents.table.columns) == set(DOCUMENTS)
    for each in others:
        assert list(each.table.columns) == list(frames[each.table.table])
    loaded = {SearchLoad.table.table, *(it.table for it in SearchLoad.beside)}
    assert loaded == {it.table for it in (*SearchStore.tables, *SearchStore.bookkeeping)}
