"""Which confirmed block is believed, by what several sources say."""

from collections.abc import Iterable

from curvetape.testing.blocks import block, raw
from ingest.votes import (
    AGREE_WAIT_S,
    DRAW_WAIT_S,
    SILENT_S,
    Ballot,
    Candidate,
    Link,
    Voters,
    united,
)


def candidate(*voters: str, slot: int = 101, fork: str = "") -> Candidate:
    return Candidate(block(slot, 100, fork=fork, parent_fork=""), set(voters), 0.0)


def chosen(voters: Voters, candidates: Iterable[Candidate], now_s: float = 0.0) -> Candidate | None:
    return voters.chosen([Ballot(each.voters, each) for each in candidates], now_s)


def test_nobody_is_chosen_where_nobody_stands() -> None:
    assert chosen(Voters(["a"]), []) is None


def test_a_single_source_is_believed_at_once() -> None:
    first = candidate("a")
    assert chosen(Voters(["a"]), [first]) is first


def test_of_three_the_majority_wins_without_the_third() -> None:
    right, wrong = candidate("a", "b"), candidate("c", fork="x")
    assert chosen(Voters(["a", "b", "c"]), [wrong, right]) is right


def test_one_of_three_is_not_believed_while_another_is_only_late() -> None:
    voters = Voters(["a", "b", "c"])
    voters.heard("a", 101, 0.0)
    voters.heard("b", 105, 0.0)
    lonely = candidate("a")
    assert chosen(voters, [lonely]) is None
    assert chosen(voters, [lonely], AGREE_WAIT_S + 0.1) is None
    voters.heard("b", 106, SILENT_S)
    assert chosen(voters, [lonely], SILENT_S + 0.1) is lonely


def test_of_two_the_one_that_keeps_up_is_believed_after_a_moment() -> None:
    voters = Voters(["a", "b"])
    first = candidate("a")
    assert chosen(voters, [first]) is None
    assert chosen(voters, [first], AGREE_WAIT_S) is first


def test_a_draw_is_settled_by_the_node_or_in_the_end_by_rank() -> None:
    voters = Voters(["a", "b"], arbiters=["node"])
    mine, yours = candidate("a"), candidate("b", fork="x")
    assert chosen(voters, [yours, mine]) is None
    assert chosen(voters, [yours, mine], DRAW_WAIT_S) is mine
    asked = candidate("b", "node", fork="x")
    assert chosen(voters, [asked, mine]) is asked


def test_most_are_more_than_half_of_those_that_are_named_and_the_node_is_none_of_them() -> None:
    voters = Voters(["a", "b", "c"], arbiters=["node"])
    assert voters.are_most({"a", "b"})
    assert not voters.are_most({"a", "node"})
    assert voters.suffice({"node"})
    assert not voters.suffice({"a"})


def test_a_first_block_that_names_itself_is_nobodys_parent() -> None:
    genesis = block(100, 100)
    assert not Link(100, genesis.meta.blockhash).is_parent_of(genesis)
    assert Link(100, None).is_parent_of(block(101, 100))


def test_copies_are_united_by_index_and_a_copy_with_nothing_new_adds_nothing() -> None:
    first = block(101, 100, [raw(101, 0), raw(101, 2)], evidence="meta")
    second = block(101, 100, [raw(101, 1)])
    union = united(first, second)
    assert union is not None
    assert [tx.index for tx in union.transactions] == [0, 1, 2]
    assert union.evidence == "block"
    assert united(union, first) is None
