"""The bytes of atomic batches, and how entries are cut into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.jetstream.batch import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    HEADER_BYTES_MAX,
    batch_frames,
    batches,
    check,
    single_frame,
)
from domain.log import Entry, EntryRefusedError

PAYLOAD_BYTES_MAX = 1_048_576


def entry(name: str, payload: bytes = b"{}") -> Entry:
    return Entry(subject=f"pump.sol.{name}", id=name, payload=payload)


def test_only_the_last_message_of_a_batch_commits_it_and_asks_for_an_answer() -> None:
    frames = batch_frames([entry("a"), entry("b", b"123")], batch_id=b"B", reply=b"inbox.1")
    first = b"NATS/1.0\r\nNats-Batch-Id:B\r\nNats-Batch-Sequence:1\r\nNats-Msg-Id:a\r\n\r\n"
    last = (
        b"NATS/1.0\r\nNats-Batch-Id:B\r\nNats-Batch-Sequence:2\r\nNats-Msg-Id:b\r\n"
        b"Nats-Batch-Commit:1\r\n\r\n"
    )
    assert frames == (
        b"HPUB pump.sol.a %d %d\r\n%b{}\r\n" % (len(first), len(first) + 2, first)
        + b"HPUB pump.sol.b inbox.1 %d %d\r\n%b123\r\n" % (len(last), len(last) + 3, last)
    )


def test_a_single_message_carries_its_id_and_no_batch() -> None:
    headers = b"NATS/1.0\r\nNats-Msg-Id:a\r\n\r\n"
    assert single_frame(entry("a"), reply=b"r") == b"HPUB pump.sol.a r %d %d\r\n%b{}\r\n" % (
        len(headers),
        len(headers) + 2,
        headers,
    )


@given(st.lists(st.sampled_from([1, 10_000, BATCH_BYTES_MAX // 3, BATCH_BYTES_MAX]), max_size=40))
def test_cutting_keeps_the_order_and_both_limits(sizes: list[int]) -> None:
    shared = bytes(BATCH_BYTES_MAX)
    entries = [
        Entry(subject="pump.x", id=str(number), payload=shared[:size])
        for number, size in enumerate(sizes)
    ]
    cut = list(batches(entries))
    assert [it.id for batch in cut for it in batch] == [it.id for it in entries]
    for batch in cut:
        assert 1 <= len(batch) <= BATCH_ENTRIES_MAX
        assert sum(len(it.payload) for it in batch) <= BATCH_BYTES_MAX


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1_000, [1_000]), (2_001, [1_000, 1_000, 1])]
)
def test_a_batch_holds_a_thousand_entries_at_most(count: int, sizes: list[int]) -> None:
    assert [len(it) for it in batches([entry(str(number)) for number in range(count)])] == sizes


def test_the_largest_entry_that_passes_the_check_fits_the_server_with_all_its_headers() -> None:
    long_id = "s" * 120
    payload = bytes(PAYLOAD_BYTES_MAX - HEADER_BYTES_MAX - len(long_id))
    largest = Entry(subject="pump.x", id=long_id, payload=payload)
    check([largest], payload_bytes_max=PAYLOAD_BYTES_MAX)
    frames = batch_frames([largest, largest], batch_id=b"i" * 40, reply=b"r" * 40)
    last = frames[-(len(payload) + 1_024) :]
    command = last[last.index(b"HPUB") :].partition(b"\r\n")[0]
    assert int(command.rpartition(b" ")[2]) <= PAYLOAD_BYTES_MAX
    larger = Entry(subject="pump.x", id=long_id, payload=payload + b"x")
    with pytest.raises(EntryRefusedError):
        check([larger], payload_bytes_max=PAYLOAD_BYTES_MAX)


@pytest.mark.parametrize(
    "subject", ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\r\nb", "a\tb", "ä"]
)
def test_a_subject_that_is_none_is_refused(subject: str) -> None:
    with pytest.raises(EntryRefusedError):
        check([Entry(subject=subject, id="a", payload=b"")], payload_bytes_max=PAYLOAD_BYTES_MAX)
