"""A market that is opened again is the same chain; what is wrong in its folder is said."""

import logging
from pathlib import Path

import pytest

from curvetape.simulator.market import FIRST_SLOT, Market, OtherMarketError
from curvetape.simulator.snapshots import RETAINED_SLOTS, DamagedSnapshotError, read
from curvetape.testing.simulated import GENESIS_S, SLOT_MS


def opened(
    folder: Path | None,
    *,
    seed: int = 3,
    rate_per_s: float = 20,
    genesis_time_s: int | None = GENESIS_S,
) -> Market:
    return Market.open(
        folder, seed=seed, rate_per_s=rate_per_s, slot_ms=SLOT_MS, genesis_time_s=genesis_time_s
    )


def run(market: Market, count: int) -> list[bytes]:
    """The next blocks as bytes."""
    return [market.next_block().SerializeToString(deterministic=True) for _ in range(count)]


def test_a_restart_goes_on_with_the_very_same_bytes(tmp_path: Path) -> None:
    expected = run(opened(None), 60)
    first = opened(tmp_path)
    assert run(first, 30) == expected[:30]
    first.save()
    assert run(first, 10) == expected[30:40]
    again = opened(tmp_path)
    assert run(again, 30) == expected[30:60]


def test_every_block_depends_on_nothing_but_the_saved_state(tmp_path: Path) -> None:
    """Nothing is carried from block to block in memory alone, so a crash may come anywhere."""
    market = opened(tmp_path)
    for _ in range(40):
        market.save()
        again = opened(tmp_path)
        assert run(again, 1) == run(market, 1)


def test_a_market_that_was_never_saved_begins_again_at_its_genesis(tmp_path: Path) -> None:
    first = opened(tmp_path, genesis_time_s=None)
    blocks = run(first, 5)
    again = opened(tmp_path, genesis_time_s=None)
    assert again.genesis_time_s == first.genesis_time_s
    assert run(again, 5) == blocks


def test_retained_blocks_are_the_last_ones_as_they_were(tmp_path: Path) -> None:
    market = opened(tmp_path, rate_per_s=5)
    blocks = []
    for _ in range(6):
        blocks += run(market, 50)
        market.save()
    blocks += run(market, 7)
    retained = [block.SerializeToString(deterministic=True) for block in market.retained_blocks()]
    assert RETAINED_SLOTS * 0.9 < len(retained) < RETAINED_SLOTS + 50
    assert retained == blocks[-len(retained) :]
    market.save()
    again = opened(tmp_path, rate_per_s=5)
    revived = [block.SerializeToString(deterministic=True) for block in again.retained_blocks()]
    assert revived == retained
    assert run(again, 3) == run(market, 3)


def test_a_busy_market_makes_fewer_blocks_again_so_that_a_restart_stays_short(
    tmp_path: Path,
) -> None:
    busy = opened(tmp_path, rate_per_s=200)
    blocks = []
    for _ in range(6):
        blocks += run(busy, 25)
        busy.save()
    retained = [block.SerializeToString(deterministic=True) for block in busy.retained_blocks()]
    assert 90 < len(retained) < 130
    assert retained == blocks[-len(retained) :]


def test_old_snapshots_are_dropped_but_for_the_genesis(tmp_path: Path) -> None:
    market = opened(tmp_path, rate_per_s=2)
    for _ in range(12):
        run(market, 50)
        market.save()
    slots = sorted(int(path.stem) for path in tmp_path.iterdir())
    assert slots[0] < FIRST_SLOT + 4
    assert slots[1] <= market.slot - RETAINED_SLOTS < slots[2]
    assert len(slots) < 9


def test_slots_can_be_left_out_and_stay_left_out(tmp_path: Path) -> None:
    market = opened(tmp_path, rate_per_s=5)
    before = run(market, 20)
    last_slot = market.slot
    market.skip_to(last_slot + 60)
    after = market.next_block()
    assert last_slot + 60 <= after.slot < last_slot + 70
    assert after.parent_slot < last_slot
    assert after.block_time.timestamp == GENESIS_S + (after.slot - FIRST_SLOT) * SLOT_MS // 1_000
    again = opened(tmp_path, rate_per_s=5)
    assert again.slot == after.slot
    assert run(again, 1) == [after.SerializeToString(deterministic=True)]
    retained = [block.SerializeToString(deterministic=True) for block in again.retained_blocks()]
    assert retained == [*before, after.SerializeToString(deterministic=True)]


def test_skipping_back_changes_nothing() -> None:
    market = opened(None)
    run(market, 5)
    slot = market.slot
    market.skip_to(slot - 3)
    assert market.slot == slot


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 4}, "seed is 3 there, was asked to be 4"),
        ({"rate_per_s": 21}, "rate_per_s is 20.0 there, was asked to be 21.0"),
        ({"genesis_time_s": 1}, f"genesis_time_s is {GENESIS_S} there, was asked to be 1"),
    ],
)
def test_another_market_is_not_mixed_into_the_folder(
    tmp_path: Path, change: dict[str, int], said: str
) -> None:
    opened(tmp_path)
    with pytest.raises(OtherMarketError) as caught:
        opened(
            tmp_path,
            seed=change.get("seed", 3),
            rate_per_s=change.get("rate_per_s", 20),
            genesis_time_s=change.get("genesis_time_s", GENESIS_S),
        )
    assert said in str(caught.value)
    assert "--data" in str(caught.value)
    assert caught.value.stored.seed == 3
    assert caught.value.folder == tmp_path


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "foreign"])
def test_a_damaged_snapshot_is_said_and_the_one_before_is_used(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    market = opened(tmp_path)
    blocks = run(market, 10)
    market.save()
    blocks += run(market, 10)
    market.save()
    newest = max(tmp_path.iterdir())
    data = newest.read_bytes()
    spoiled = {
        "cut": data[:-100],
        "flipped": data[:-1] + bytes((data[-1] ^ 1,)),
        "emptied": b"",
        "foreign": b"something else",
    }
    newest.write_bytes(spoiled[damage])
    with pytest.raises(DamagedSnapshotError) as caught:
        read(newest)
    assert caught.value.path == newest
    with caplog.at_level(logging.WARNING):
        again = opened(tmp_path)
    assert "is damaged" in caplog.text
    assert "an older one is used" in caplog.text
    assert run(again, 10) == blocks[10:]
    assert newest.with_suffix(".damaged").read_bytes() == spoiled[damage]


def test_without_any_readable_snapshot_a_new_market_begins(tmp_path: Path) -> None:
    blocks = run(opened(tmp_path), 5)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    assert run(opened(tmp_path), 5) == blocks


def test_an_unfinished_write_is_ignored(tmp_path: Path) -> None:
    market = opened(tmp_path)
    run(market, 5)
    market.save()
    (tmp_path / f"{market.slot + 5:012}.unfinished").write_bytes(b"half of")
    assert opened(tmp_path).slot == market.slot
