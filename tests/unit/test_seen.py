"""What ingest remembers of the ids that it appended."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.seen import Seen


@given(st.lists(st.integers(0, 50), max_size=300), st.integers(1, 20))
def test_the_last_ids_are_remembered_within_twice_the_capacity(
    ids: list[int], capacity: int
) -> None:
    seen = Seen(capacity)
    for id_ in ids:
        seen.add(str(id_))
    assert all(str(id_) in seen for id_ in ids[-capacity:])
    assert len(seen) <= 2 * capacity


def test_what_was_never_added_is_not_seen() -> None:
    seen = Seen(3)
    seen.update(["a", "b"])
    assert "c" not in seen


def test_what_is_old_enough_is_forgotten() -> None:
    seen = Seen(2)
    seen.update("abcde")
    assert "a" not in seen
