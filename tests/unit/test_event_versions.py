"""An old version of an event stays readable, and is handed out as the newest one."""

from typing import Any, ClassVar, TypeAlias

import msgspec
import pytest

from curvetape.testing.events import curve_traded, pool_traded
from domain.events import OLDER, AnyEvent, CurveTraded, PoolTraded, decode, encode
from domain.events.base import MintEvent
from domain.events.versions import Versions


class CurveTraded2(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.traded.2"):
    """An invented second version, which counts in thousandths of the smallest unit."""

    subject_root: ClassVar = "pump.curve.traded"

    quote_milliunits: int
    is_buy: bool


class CurveTraded3(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.traded.3"):
    """An invented third version."""

    subject_root: ClassVar = "pump.curve.traded"

    quote_milliunits: int
    sold: bool


def common(event: MintEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in MintEvent.__struct_fields__}


def to_second(old: CurveTraded) -> CurveTraded2:
    return CurveTraded2(
        **common(old), quote_milliunits=old.quote_amount * 1_000, is_buy=old.side == "buy"
    )


def to_third(old: CurveTraded2) -> CurveTraded3:
    return CurveTraded3(**common(old), quote_milliunits=old.quote_milliunits, sold=not old.is_buy)


Newest: TypeAlias = CurveTraded3 | PoolTraded
VERSIONS: Versions[Newest] = Versions(Newest, {CurveTraded: to_second, CurveTraded2: to_third})
OLD = curve_traded(1, "m", side="sell", quote_amount=7, provisional=True)


def test_an_old_version_is_read_as_the_newest_through_those_between() -> None:
    newest = CurveTraded3(**common(OLD), quote_milliunits=7_000, sold=True)
    assert VERSIONS.decode(encode(OLD)) == newest
    assert VERSIONS.decode(msgspec.json.encode(to_second(OLD))) == newest
    assert VERSIONS.decode(msgspec.json.encode(newest)) == newest


def test_the_newest_keeps_place_subject_and_whether_it_is_certain() -> None:
    newest = VERSIONS.decode(encode(OLD))
    assert (newest.id, newest.pos, newest.subject) == (OLD.id, OLD.pos, OLD.subject)
    assert newest.provisional
    assert newest.kind == "curve.traded.3"


def test_a_kind_with_one_version_is_read_as_it_is() -> None:
    event = pool_traded(1, "m")
    assert VERSIONS.decode(encode(event)) == event


def test_an_old_version_that_does_not_fit_its_own_struct_is_refused() -> None:
    damaged = encode(OLD).replace(b'"quote_amount":7', b'"quote_amount":"7"')
    assert damaged != encode(OLD)
    with pytest.raises(msgspec.ValidationError, match="quote_amount"):
        VERSIONS.decode(damaged)


def test_a_version_that_nobody_here_knows_is_refused() -> None:
    unknown = encode(OLD).replace(b'"curve.traded"', b'"curve.traded.4"')
    with pytest.raises(msgspec.ValidationError, match=r"curve\.traded\.4"):
        VERSIONS.decode(unknown)


def test_an_upcast_that_changes_whose_fact_it_is_is_a_bug() -> None:
    def moved(old: CurveTraded) -> CurveTraded2:
        return msgspec.structs.replace(to_second(old), id="another")

    wrong: Versions[CurveTraded2] = Versions(CurveTraded2, {CurveTraded: moved})
    with pytest.raises(AssertionError, match="the same fact"):
        wrong.decode(encode(OLD))


def test_the_log_is_read_by_this_very_mechanism() -> None:
    """No kind has a second version yet; the first one that has is listed in `OLDER`."""
    known: Versions[AnyEvent] = Versions(AnyEvent, OLDER)
    assert decode(encode(OLD)) == known.decode(encode(OLD)) == OLD
