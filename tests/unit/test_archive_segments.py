"""Segments give back what was sealed, byte for byte, and manifests prove it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.archive import chain
from adapters.archive.columns import SCHEMA
from adapters.archive.folder import FolderStore
from adapters.archive.rows import rows
from adapters.archive.sealing import Sealing, UndecidedError
from adapters.archive.segment import blocks
from curvetape.testing.archives import numbered, sealed, stored, unsealed
from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import created, curve_traded, pool_traded
from curvetape.testing.simulated import first_blocks, views
from domain.archive import AlreadySealedError, ArchiveDamagedError, Manifest
from domain.events import AnyEvent, CurveTraded, ProgramReported, decode, encode
from domain.log import SequenceGapError, Stored, UndecodableError
from ingest.transaction import translated

FIXTURES = Path(__file__).parent.parent / "fixtures" / "events"


def market(blocks: int = 30) -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:blocks]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


def content(store: FolderStore, manifests: list[Manifest]) -> list[Stored]:
    return [it for each in manifests for it in unsealed(chain.content_of(store, each))]


def test_a_market_comes_back_byte_for_byte_and_without_kept_payloads(tmp_path: Path) -> None:
    log = stored(certified(market(60)))
    store = FolderStore(tmp_path)
    made = sealed(store, log, events_max=1_500)
    assert [it.events for it in made[:-1]] == [1_500] * (len(made) - 1)
    assert made[-1].last_sequence == len(log)
    assert content(store, made) == log
    assert sum(it.kept_payloads for it in made) == 0
    assert chain.manifests(store) == made
    for each in made:
        chain.verify(store, each)
    assert chain.unlisted(store, made) == []


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_kind_ever_written_comes_back(path: Path, tmp_path: Path) -> None:
    payload = msgspec.json.format(path.read_bytes(), indent=-1)
    store = FolderStore(tmp_path)
    event = msgspec.structs.replace(decode(payload), provisional=False)
    log = [Stored(1, payload.replace(b'"provisional":true,', b"")), Stored(2, encode(event))]
    made = sealed(store, log)
    assert content(store, made) == log
    assert dict(made[0].kinds) == {event.kind: 2}


def test_a_segment_from_before_a_field_existed_is_read(tmp_path: Path) -> None:
    log = numbered([curve_traded(1, "mint"), pool_traded(2, "mint"), created(3, "mint")])
    store = FolderStore(tmp_path)
    (made,) = sealed(store, log)
    new = pq.ParquetFile(pa.BufferReader(chain.content_of(store, made)))
    sink = pa.BufferOutputStream()
    later = {"depth", "user_token_balance"}
    older = pa.schema([each for each in SCHEMA if each.name not in later])
    with pq.ParquetWriter(sink, older) as writer:
        for number in range(new.num_row_groups):
            writer.write_table(new.read_row_group(number, columns=older.names))
    content = sink.getvalue().to_pybytes()
    assert unsealed(content) == log
    columns = {"sequence", "user", *later}
    for block in blocks(content, columns):
        for table in block:
            assert set(table.column_names) == columns
            assert all(table[name].null_count == len(table) for name in later)


ODD: list[tuple[str, Callable[[], AnyEvent]]] = [
    ("a quote", lambda: created(1, "mint", name='say "cheese"')),
    ("a backslash", lambda: created(1, "mint", name="C:\\")),
    ("a control character", lambda: created(1, "mint", symbol="a\x00b")),
    ("an emoji", lambda: created(1, "mint", name="\U0001f438 pepe")),
    ("an empty name", lambda: created(1, "mint", name="")),
    ("more than 63 bits", lambda: curve_traded(1, "mint", token_amount=(1 << 64) - 1)),
    ("more than 64 bits below zero", lambda: pool_traded(1, "mint", pool_quote_delta=-(1 << 80))),
    ("an id of another place", lambda: curve_traded(1, "mint", id="signature:9.9")),
    ("an id without a place", lambda: curve_traded(1, "mint", id="odd")),
    ("zero where zero is left out", lambda: pool_traded(1, "mint", virtual_quote_reserves=0)),
    ("nothing where something is optional", lambda: curve_traded(1, "mint", fee=None)),
]


@pytest.mark.parametrize("make", [make for _, make in ODD], ids=[name for name, _ in ODD])
def test_odd_events_come_back_too(make: Callable[[], AnyEvent], tmp_path: Path) -> None:
    plain: list[AnyEvent] = [curve_traded(2, "mint"), created(3, "mint"), pool_traded(4, "mint")]
    log = numbered([plain[0], make(), *plain, make()])
    store = FolderStore(tmp_path)
    assert content(store, sealed(store, log)) == log


def test_other_spellings_of_an_event_are_kept_as_they_are(tmp_path: Path) -> None:
    spaced = json.dumps(json.loads(encode(curve_traded(1, "mint")))).encode()
    newer = encode(curve_traded(1, "mint"))[:-1] + b',"from_next_year":[1]}'
    log = [Stored(1, spaced), Stored(2, newer), *numbered([curve_traded(2, "mint")], first=3)]
    store = FolderStore(tmp_path)
    made = sealed(store, log)
    assert content(store, made) == log
    assert made[0].kept_payloads == 2


def test_fields_without_a_type_of_their_own_come_back(tmp_path: Path) -> None:
    reported = ProgramReported(
        id="signature:2.0",
        pos=curve_traded(1, "mint").pos,
        received_at_ns=1,
        block_time_s=1,
        signer="signer",
        layout="1",
        program="program",
        name="ExtendAccountEvent",
        fields={"a": [1, {"b": "\u00e9"}], "c": None, "d": 1.5},
    )
    log = numbered([reported])
    store = FolderStore(tmp_path)
    made = sealed(store, log)
    assert content(store, made) == log
    (fields,) = pq.read_table(tmp_path / made[0].file)["fields"].to_pylist()
    assert json.loads(fields) == reported.fields


def test_a_segment_is_sorted_by_place_and_says_what_counts(tmp_path: Path) -> None:
    log = CertifiedLog()
    log.append(curve_traded(11, "mint"))
    log.append(curve_traded(10, "mint"), curve_traded(10, "other"))
    log.abandon(10)
    log.append(curve_traded(10, "mint"))
    log.seal(10)
    log.seal(11)
    store = FolderStore(tmp_path)
    (made,) = sealed(store, stored(log))
    table = pq.read_table(tmp_path / made.file)
    assert table.schema.names == SCHEMA.names
    trades = table.filter(pa.compute.equal(table["kind"], "curve.traded"))
    assert trades["slot"].to_pylist() == [10, 10, 10, 11]
    assert trades["sequence"].to_pylist() == [2, 3, 5, 1]
    assert trades["counts"].to_pylist() == [False, False, True, True]
    assert [(it.slot, it.sequence) for it in made.abandoned] == [(10, 4)]
    assert (made.slots.first, made.slots.last) == (10, 11)
    assert made.certificate == log.messages[-1][2].hash  # type: ignore[union-attr]  # a certificate


def test_nothing_is_sealed_behind_a_slot_that_is_not_decided(tmp_path: Path) -> None:
    log = CertifiedLog()
    log.append(curve_traded(10, "mint"))
    log.seal(10)
    log.append(curve_traded(11, "mint"))
    log.append(curve_traded(12, "mint"))
    log.seal(12, parent=10)
    store = FolderStore(tmp_path)
    (made,) = sealed(store, stored(log))
    assert (made.first_sequence, made.last_sequence) == (1, 2)


def test_too_much_behind_an_undecided_slot_is_an_error_that_names_it() -> None:
    events: list[AnyEvent] = [
        msgspec.structs.replace(curve_traded(7, "mint"), provisional=True),
        *(curve_traded(number, "mint") for number in range(8, 40)),
    ]
    sealing = Sealing(None, events_max=10)
    messages = numbered(events)
    sealing.take(messages[:20])
    sealing.take(messages[20:25])
    assert sealing.ready() is None
    assert sealing.ready(rest=True) is None
    with pytest.raises(UndecidedError, match=r"slot 7 is not decided, whose first event is") as it:
        sealing.take(messages[25:])
    assert (it.value.slot, it.value.sequence) == (7, 1)


def test_a_hole_and_an_unknown_kind_stop_the_sealer() -> None:
    with pytest.raises(SequenceGapError):
        Sealing(None).take(numbered([curve_traded(1, "mint")], first=2))
    with pytest.raises(UndecodableError):
        Sealing(None).take([Stored(1, b'{"kind":"curve.traded.9"}')])


def test_the_same_log_makes_the_same_archive(tmp_path: Path) -> None:
    log = stored(certified(market(30)))
    one = sealed(FolderStore(tmp_path / "one"), log, events_max=500, batch=97)
    other = sealed(FolderStore(tmp_path / "other"), log, events_max=500, batch=1_024)
    assert one == other


def test_a_second_sealer_is_refused_unless_it_wrote_the_very_same(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    log = numbered([curve_traded(number, "mint") for number in range(1, 21)])
    first = Sealing(None, events_max=10)
    second = Sealing(None, events_max=10)
    third = Sealing(None, events_max=20)
    for sealing in (first, second, third):
        sealing.take(log)
    assert first.seal(store, 10) == second.seal(store, 10)
    with pytest.raises(AlreadySealedError, match="another sealer writes to it"):
        third.seal(store, 20)


def damaged_file(folder: Path, made: list[Manifest]) -> None:
    path = folder / made[1].file
    path.write_bytes(path.read_bytes()[:-8] + b"\x00" * 8)


def removed_file(folder: Path, made: list[Manifest]) -> None:
    (folder / made[1].file).unlink()


@pytest.mark.parametrize("damage", [damaged_file, removed_file])
def test_a_damaged_segment_is_found(
    damage: Callable[[Path, list[Manifest]], None], tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    made = sealed(store, stored(certified(market(30))), events_max=500)
    damage(tmp_path, made)
    with pytest.raises(ArchiveDamagedError, match=made[1].file):
        chain.verify(store, made[1])
    chain.verify(store, made[0])


def test_a_segment_that_was_replaced_with_its_manifest_is_found_by_the_next(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "real")
    log = stored(certified(market(30)))
    made = sealed(store, log, events_max=500)
    forged = [
        Stored(it.sequence, it.payload.replace(b'"side":"buy"', b'"side":"sell"')) for it in log
    ]
    other = FolderStore(tmp_path / "forged")
    (false, *_) = sealed(other, forged, events_max=500)
    (tmp_path / "real" / false.name).write_bytes((tmp_path / "forged" / false.name).read_bytes())
    with pytest.raises(ArchiveDamagedError, match="does not name the manifest before it"):
        chain.manifests(store)
    (tmp_path / "real" / made[1].name).unlink()
    with pytest.raises(ArchiveDamagedError, match="does not follow sequence 500"):
        chain.manifests(store)


def test_rows_are_typed(tmp_path: Path) -> None:
    trade = curve_traded(1, "mint", fee=5, mayhem_mode=True)
    assert isinstance(trade, CurveTraded)
    table = rows("curve.traded", numbered([trade]), [trade])
    assert table["fee"].to_pylist() == [5]
    assert table["mayhem_mode"].to_pylist() == [True]
    assert table["payload"].to_pylist() == [None]
    assert not list(tmp_path.iterdir())
