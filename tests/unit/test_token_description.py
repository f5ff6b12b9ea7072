"""What a card shows of a document, and which of a document's links it shows."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, created, recorded
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent
from projections import tokens
from projections.cards import card
from projections.token_description import found
from projections.tokens import Changes, Tokens


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x.com/cat", "https://x.com/cat"),
        ("http://twitter.com/cat?s=1#a", "http://twitter.com/cat?s=1#a"),
        ("@cat_1", "https://x.com/cat_1"),
        ("cat_1", "https://x.com/cat_1"),
        ("x.com/cat", "https://x.com/cat"),
        ("https://пример.example/кот", "https://пример.example/кот"),
    ],
)
def test_a_link_is_shown_and_a_name_becomes_one(text: str, shown: str) -> None:
    assert found(described(1, "m", twitter=text)).twitter == shown


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//x.com",
        "data:text/html,<script>",
        "https://",
        "https:///x",
        "//x.com/cat",
        "https://user@x.com/",
        "https://x.com@evil.example/",
        'https://x.com/"onclick="alert(1)',
        "https://x.com/<b>",
        "https://x.com/a b",
        "https://x.com\\@evil.example/",
        "https://[::1/",
        "https://x.com/\u200b",
        "find us!",
        "ftp://x.com/",
        "ipfs://Qm",
    ],
)
def test_what_leads_nowhere_or_elsewhere_is_not_shown(text: str) -> None:
    shown = found(described(1, "m", twitter=text, telegram=text, website=text))
    assert (shown.twitter, shown.telegram, shown.website) == (None, None, None)


def test_a_website_is_a_host_at_least_and_an_image_may_be_content() -> None:
    shown = found(described(1, "m", website="cat", image="ipfs://Qm/a.png", telegram="cat"))
    assert (shown.website, shown.image) == (None, "ipfs://Qm/a.png")
    assert shown.telegram == "https://t.me/cat"
    assert found(described(1, "m", website="cat.example")).website == "https://cat.example"
    assert found(described(1, "m", image="javascript:alert(1)")).image is None


def test_a_failure_changes_no_card() -> None:
    assert Tokens().apply(recorded([undescribed(1, "m")])) == {}


@given(
    attempts=st.lists(st.integers(1, 9), unique=True, max_size=6),
    failed=st.sets(st.integers(1, 9)),
    order=st.randoms(use_true_random=False),
)
def test_the_last_success_counts_however_it_arrives(
    attempts: list[int], failed: set[int], order: Random
) -> None:
    log: list[AnyEvent] = [created(1, "m")]
    for attempt in attempts:
        make = undescribed if attempt in failed else described
        texts = {} if attempt in failed else {"description": f"as of {attempt}"}
        log.append(make(1, "m", attempt=attempt, **texts))
    order.shuffle(log)
    last = max((each for each in attempts if each not in failed), default=None)
    for size in (1, 2, 9):
        total: Changes = {}
        for batch in batches(recorded(log), size):
            total = tokens.merge(total, Tokens().apply(batch))
        shown = card("m", total["m"])
        assert shown.description == (None if last is None else f"as of {last}")
        assert shown.name == "Coin m"
