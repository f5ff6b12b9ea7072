"""Which part a token is in, what a part reads of the log, and what a replica hosts."""

from collections.abc import Sequence

import pytest

from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import read_models
from curvetape.testing.events import curve_traded, recorded, sol_priced
from curvetape.testing.forks import abandoned, confirmed, provisional, trade
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from curvetape.testing.metadata import described
from domain.events import AnyEvent, encode
from domain.log import Passed, Recorded, Stored, UndecodableError
from domain.partition import PARTS_MAX, Partition, PartitionError, decoded_of, partitions
from projections.part_log import PartLog
from projections.partitioning import Share, UnpartitionedError, share
from projections.projection import Hosted, TakenBackError, host
from projections.runner import ProjectionsStoppedError, Runner

FIRST, SECOND = "mint3", "mint4"
"""Of two parts, one token of each."""

VECTORS = {
    "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P": [1, 3, 3, 3, 151],
    "So11111111111111111111111111111111111111112": [1, 2, 1, 3, 45],
    "CreiuhfwdWCN5mJbMJtA9bBpYQrQF2tCBuZwSPWfpump": [1, 3, 1, 3, 97],
    "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump": [1, 1, 3, 2, 187],
}
"""The parts of addresses among 2, 3, 4, 7 and 256; rows in databases depend on them."""


class Sequences:
    """A core whose changes are the sequences that it was given."""

    name = "sequences"
    version = 1
    by_mint = True

    def apply(self, batch: Sequence[Recorded]) -> list[int]:
        return [each.sequence for each in batch]


def stored(*events: AnyEvent) -> list[Stored]:
    return [Stored(number, encode(event)) for number, event in enumerate(events, 1)]


def names(found: Sequence[Hosted]) -> list[tuple[str, str | None]]:
    return [
        (it.projection.name, None if it.partition is None else str(it.partition)) for it in found
    ]


@pytest.mark.parametrize("mint", VECTORS)
def test_a_token_is_in_the_same_part_for_ever(mint: str) -> None:
    for parts, part in zip((2, 3, 4, 7, 256), VECTORS[mint], strict=True):
        assert [it.part for it in partitions(parts) if it.owns(mint)] == [part]


def test_what_is_of_no_token_is_in_part_1() -> None:
    assert [it.owns(None) for it in partitions(3)] == [True, False, False]


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3", "1/257"])
def test_what_names_no_part_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(PartitionError, match="as in 2/4"):
        Partition.parse(text)


def test_a_part_is_written_as_it_is_read() -> None:
    assert str(Partition.parse(" 2/4 ")) == "2/4"
    assert Partition.parse(f"1/{PARTS_MAX}").parts == PARTS_MAX


def test_of_other_parts_only_what_waits_for_its_slot_stays_unread() -> None:
    events: list[AnyEvent] = [
        trade(5, mint=FIRST),
        trade(5, 1, mint=SECOND),
        provisional(sol_priced(5)),
        curve_traded(3, SECOND),
        described(1, SECOND),
        confirmed(5),
    ]
    first, second = (decoded_of(stored(*events), it) for it in partitions(2))
    expected: list[Recorded | Passed] = list(recorded(events))
    assert first == ([*expected[:1], Passed(2, 5), *expected[2:]], None)
    assert second == ([Passed(1, 5), expected[1], Passed(3, 5), *expected[3:]], None)


def test_what_cannot_be_read_ends_a_batch_behind_what_can() -> None:
    messages = [*stored(trade(5, mint=FIRST)), Stored(2, b'{"kind":"of a newer version"}')]
    found, fault = decoded_of(messages, Partition(1, 2))
    assert [it.sequence for it in found] == [1]
    assert isinstance(fault, UndecodableError)
    assert fault.sequence == 2


async def test_each_part_applies_its_own_tokens_and_reaches_the_logs_end() -> None:
    events: list[AnyEvent] = [
        trade(5, mint=FIRST),
        trade(5, 1, mint=SECOND),
        trade(6, mint=FIRST),
        confirmed(5),
        curve_traded(3, FIRST),
        curve_traded(3, SECOND),
    ]
    saved = []
    for partition in partitions(2):
        store = MemoryStore[list[int]]("sequences")
        hosted = Hosted(Sequences(), store, partition)  # type: ignore[arg-type]  # as `host` joins
        log = PartLog(MemoryLog(events), partition)
        runner = Runner(log, [hosted], batch_max=2, partition=partition)
        await runner.run(follow=False)
        saved.append([it for changes in store.saved for it in changes])
        assert (store.sequence, store.reread_after) == (6, 2)
        (status,) = await runner.status()
        assert status.line.startswith(f"sequences {partition} tail 6/6")
    assert saved == [[1, 4, 5], [2, 6]]


async def test_a_slot_taken_back_too_late_stops_every_part_also_those_that_had_none_of_it() -> None:
    """All parts refuse the same rows, and none goes on with what another has to rebuild."""
    events: list[AnyEvent] = [
        trade(5, mint=FIRST),
        confirmed(5),
        abandoned(5, 1),
        trade(6, mint=SECOND),
    ]
    for partition in partitions(2):
        # Once in one go, once by a runner that was not there when the slot was certified.
        for lengths in ((4,), (2, 4)):
            store = MemoryStore[list[int]]("sequences")
            hosted = Hosted(Sequences(), store, partition)  # type: ignore[arg-type]  # see above
            runners = [
                Runner(PartLog(MemoryLog(events[:it]), partition), [hosted], partition=partition)
                for it in lengths
            ]
            for runner in runners[:-1]:
                await runner.run(follow=False)
            with pytest.raises(ProjectionsStoppedError) as caught:
                await runners[-1].run(follow=False)
            assert isinstance(caught.value.errors[0], TakenBackError)
            assert store.sequence == 2


async def test_a_slot_that_dies_before_its_certificate_stops_nobody() -> None:
    events: list[AnyEvent] = [trade(5, mint=FIRST), trade(5, 1, mint=SECOND), abandoned(5, 2)]
    for partition in partitions(2):
        store = MemoryStore[list[int]]("sequences")
        hosted = Hosted(Sequences(), store, partition)  # type: ignore[arg-type]  # see above
        log = PartLog(MemoryLog(events), partition)
        await Runner(log, [hosted], partition=partition).run(follow=False)
        assert store.sequence == 3


def test_part_1_hosts_what_cannot_be_divided_and_the_others_have_nothing_of_it() -> None:
    models = [*read_models(NO_CONNECTIONS), host(Undivided(), MemoryStore[int]("undivided"))]
    divided = ["candles", "trades", "tokens", "portfolios", "search", "holders"]
    first, second = (share(models, it) for it in partitions(2))
    assert names(first.of_part) == [
        *((it, "1/2") for it in divided),
        ("sol_prices", None),
        ("slots", None),
    ]
    assert names(first.whole) == [("undivided", None)]
    assert names(second.of_part) == [(it, "2/2") for it in divided]
    assert not second.whole
    assert share(models, None) == Share(whole=models)


def test_a_replica_hosts_those_that_are_named_or_says_why_not() -> None:
    models = read_models(NO_CONNECTIONS)
    found = share(models, Partition(2, 2), ["trades", "tokens"])
    assert names(found.of_part) == [("trades", "2/2"), ("tokens", "2/2")]
    assert names(share(models, Partition(1, 2), ["sol_prices"]).of_part) == [("sol_prices", None)]
    with pytest.raises(UnpartitionedError, match=r"sol_prices cannot be divided .* part 1/2"):
        share(models, Partition(2, 2), ["trades", "sol_prices"])


class Undivided:
    """A core that says nothing of parts."""

    name = "undivided"
    version = 1

    def apply(self, batch: Sequence[Recorded]) -> int:
        return len(batch)
