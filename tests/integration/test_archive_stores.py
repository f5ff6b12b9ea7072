"""Folders and object stores keep the same promises, and segments are plain Parquet to others."""

import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from adapters.archive import chain
from adapters.archive.folder import UNFINISHED, FolderStore
from adapters.archive.stores import open_store
from curvetape.testing.archives import sealed, stored, unsealed
from curvetape.testing.certified import certified
from curvetape.testing.simulated import first_blocks, views
from domain.archive import (
    AlreadySealedError,
    ArchiveDamagedError,
    ArchiveError,
    ArchiveInUseError,
    ArchiveStore,
    ArchiveUnavailableError,
)
from domain.events import AnyEvent, CurveTraded
from ingest.transaction import translated

Open = Callable[[], ArchiveStore]

_buckets = count(1)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_address(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an archive that is empty, in a bucket of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    bucket = f"bucket{next(_buckets)}"
    with urllib.request.urlopen(urllib.request.Request(f"{s3_server}/{bucket}", method="PUT")):
        return f"s3://{bucket}/some/prefix?endpoint={s3_server}"


@pytest.fixture(params=["folder", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store each time."""
    if request.param == "folder":
        return lambda: open_store(str(tmp_path / "archive"))
    address = request.getfixturevalue("s3_address")
    return lambda: open_store(address)


def market() -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:30]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


def test_a_store_holds_files_whole_and_by_name(opened: Open) -> None:
    store = opened()
    assert store.names("manifests") == []
    store.put_new("manifests/2", b"two")
    store.put_new("manifests/1", b"one")
    store.put("segments/1", b"first")
    store.put("segments/1", b"first")
    assert opened().names("manifests") == ["manifests/1", "manifests/2"]
    assert bytes(opened().read("manifests/1")) == b"one"
    with pytest.raises(AlreadySealedError):
        store.put_new("manifests/1", b"other")
    assert bytes(store.read("manifests/1")) == b"one"
    with pytest.raises(ArchiveDamagedError, match="manifests/3 in the archive is missing"):
        store.read("manifests/3")


def test_a_log_is_sealed_and_read_back(opened: Open) -> None:
    log = stored(certified(market()))
    with opened().sealing():
        made = sealed(opened(), log, events_max=700)
    assert chain.manifests(opened()) == made
    for each in made:
        chain.verify(opened(), each)
    content = [it for each in made for it in unsealed(chain.content_of(opened(), each))]
    assert content == log


def test_a_folder_has_one_sealer_and_forgets_what_killed_ones_left(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("segments/1", b"first")
    left = tmp_path / "segments" / f"{UNFINISHED}123-abc"
    left.write_bytes(b"half")
    assert store.names("segments") == ["segments/1"]
    with store.sealing():
        assert not left.exists()
        with pytest.raises(ArchiveInUseError, match="one may at a time"), store.sealing():
            pass
    with store.sealing():
        pass


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://host/path", "is no archive's address"),
        ("s3://bucket/path?endpont=http://127.0.0.1:1", "'endpont' is not valid"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        open_store(address)


def test_a_store_that_cannot_be_used_says_so(tmp_path: Path, s3_address: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveUnavailableError, match=r"segments/1 was not written: "):
        open_store(str(tmp_path / "file")).put("segments/1", b"")
    with pytest.raises(ArchiveUnavailableError, match=r"was not listed: .*404"):
        open_store(s3_address.replace("bucket", "other")).names("manifests")


def test_duckdb_reads_the_segments(tmp_path: Path) -> None:
    events = market()
    sealed(FolderStore(tmp_path), stored(certified(events)), events_max=700)
    trades = [it for it in events if isinstance(it, CurveTraded)]
    mint = trades[0].mint
    with duckdb.connect() as database:
        found = database.execute(
            """
            select mint, count(*) as trades, sum(quote_amount) as volume,
                   arg_max(virtual_quote_reserves, (slot, tx_index, outer_index, inner_index))
            from read_parquet(?)
            where kind = 'curve.traded' and counts and mint = ?
            group by mint
            """,
            [f"{tmp_path}/segments/*.parquet", mint],
        ).fetchall()
    ours = [it for it in trades if it.mint == mint]
    last = max(ours, key=lambda it: it.pos)
    assert found == [
        (mint, len(ours), sum(it.quote_amount for it in ours), last.virtual_quote_reserves)
    ]


def test_pandas_reads_the_segments(tmp_path: Path) -> None:
    events = market()
    sealed(FolderStore(tmp_path), stored(certified(events)), events_max=700)
    frame = pd.read_parquet(
        tmp_path / "segments", columns=["sequence", "kind", "side", "quote_amount", "mint"]
    )
    trades = frame[frame["kind"] == "curve.traded"]
    assert trades["quote_amount"].sum() == sum(
        it.quote_amount for it in events if isinstance(it, CurveTraded)
    )
    assert set(trades["side"]) == {"buy", "sell"}
    assert frame["sequence"].is_unique
