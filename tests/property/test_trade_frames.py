"""Trades over whole columns are those of the event-by-event core, to the last bit."""

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl
from hypothesis import HealthCheck, given, settings

from curvetape.testing.events import curve_traded, histories, pool_traded, recorded
from curvetape.testing.frames import rows_of
from domain.events import AnyEvent
from projections.fill_frames import KINDS, is_odd
from projections.trade_frames import SCHEMA, columns_of, framed, trades
from projections.trades import Trades

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_kept_whole(event: AnyEvent) -> bool:
    """Whether the archive keeps it byte for byte, since a column cannot hold it."""
    told = [getattr(event, f"real_{side}_reserves", 0) for side in ("quote", "token")]
    return max(*told, getattr(event, "base_supply", 0) or 0) >= 1 << 63


def by_columns(events: Sequence[AnyEvent]) -> pl.DataFrame:
    """Of columns where they are exact, of the core for all other events."""
    frames, odd = [], [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind = [it for it in events if it.kind == kind]
        rows = rows_of(kind, of_kind, columns_of(kind))
        strange = rows.select(is_odd(kind)).to_series() | pl.Series(
            map(is_kept_whole, of_kind), dtype=pl.Boolean
        )
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        frames.append(trades(kind, rows.filter(~strange)))
    return pl.concat([*frames, framed(Trades().apply(recorded(odd)))])


def expected(events: Sequence[AnyEvent]) -> list[tuple[Any, ...]]:
    rows = map(msgspec.structs.asdict, Trades().apply(recorded(events)))
    names = ["user" if name == "trader" else name for name in SCHEMA]
    return sorted(([tuple(row[name] for name in names) for row in rows]), key=repr)


@QUICK
@given(events=histories(events_max=60))
def test_columns_give_the_cores_rows(events: list[AnyEvent]) -> None:
    assert sorted(by_columns(events).iter_rows(), key=repr) == expected(events)


def test_every_venue_has_its_own_names_and_the_rest_is_empty() -> None:
    events: list[AnyEvent] = [
        curve_traded(3, "m", token_decimals=6, quote_decimals=None),
        pool_traded(4, "m", quote_mint="m", base_mint="sol", base_decimals=9, quote_decimals=6),
        pool_traded(5, "m", canonical=False, base_decimals=6, quote_decimals=9),
    ]
    found = by_columns(events).sort("pos").to_dicts()
    assert [row["venue"] for row in found] == ["curve", "pool", "pool"]
    assert [row["canonical"] for row in found] == [True, True, False]
    assert [row["pool"] is None for row in found] == [True, False, False]
    assert found[1]["quote_mint"] == "sol"
    decimals = [(row["token_decimals"], row["quote_decimals"]) for row in found]
    assert decimals == [(6, None), (6, 9), (6, 9)]
