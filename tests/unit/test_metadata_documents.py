"""What is taken from a stranger's document, and where such a document is asked for."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import Unfetched
from domain.events import TokenDescribed, decode, encode
from ingest.metadata.addresses import URI_CHARS_MAX, addresses
from ingest.metadata.description import (
    DESCRIPTION_CHARS_MAX,
    LINK_CHARS_MAX,
    Description,
    described,
)

CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
GATEWAYS = ["https://one.example/ipfs/", "https://two.example/ipfs/"]


def read(document: object) -> Description:
    found = described(json.dumps(document).encode())
    assert isinstance(found, Description)
    return found


def test_a_document_gives_its_texts_its_length_and_its_digest() -> None:
    body = (
        '{"name":"Cat","description":"Eine Katze. 猫 🐈‍⬛","image":"https://a/b.png",'
        '"twitter":"https://x.com/cat","telegram":"https://t.me/cat","website":"https://cat.example"}'
    ).encode()
    assert described(body) == Description(
        description="Eine Katze. 猫 🐈‍⬛",
        image="https://a/b.png",
        twitter="https://x.com/cat",
        telegram="https://t.me/cat",
        website="https://cat.example",
        document_bytes=len(body),
        document_sha256=hashlib.sha256(body).hexdigest(),
    )


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, ["https://x.com/a"], "", "  \n"])
def test_what_is_no_text_is_not_there(value: object) -> None:
    names = ("description", "image", "twitter", "telegram", "website")
    found = read(dict.fromkeys(names, value))
    assert [getattr(found, name) for name in names] == [None] * 5


def test_control_characters_and_marks_of_direction_are_removed() -> None:
    found = read({"description": " a\0b\x1b[31mc\x7f\x85d\u202ee\u2066f\ufeff\r\ng\rh\u2028i\tj "})
    assert found.description == "ab[31mcdef\ng\nh\ni j"


def test_a_link_has_no_line_ends() -> None:
    assert read({"website": " https://a.example/\r\n?q=1\0 "}).website == "https://a.example/?q=1"


def test_a_description_is_cut_and_a_longer_link_is_left_out() -> None:
    found = read(
        {
            "description": "猫" * (DESCRIPTION_CHARS_MAX + 1),
            "image": "https://a/" + "b" * (LINK_CHARS_MAX - 10),
            "website": "https://a/" + "b" * (LINK_CHARS_MAX - 9),
        }
    )
    assert found.description == "猫" * DESCRIPTION_CHARS_MAX
    assert len(found.image or "") == LINK_CHARS_MAX
    assert found.website is None


def test_a_mark_of_byte_order_is_passed_over() -> None:
    assert isinstance(described(b'\xef\xbb\xbf{"description":"a"}'), Description)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"text"',
        b"[]",
        b"7",
        b"{",
        b"<html></html>",
        b'{"description":"\xff"}',
        b'{"description":"\\ud800"}',
        b'{"description":NaN}',
        b"[" * 200_000,
        b'{"a":' * 40_000,
    ],
    ids=range(12),
)
def test_what_is_no_object_of_json_is_refused_for_good(body: bytes) -> None:
    found = described(body)
    assert isinstance(found, Unfetched)
    assert (found.failure, found.passing) == ("not_json", False)


@given(st.dictionaries(st.sampled_from(["description", "image", "website"]), st.text()))
def test_whatever_text_is_found_stands_in_an_event_as_it_is(document: dict[str, str]) -> None:
    found = read(document)
    texts = [found.description, found.image, found.website]
    assert not any(ord(char) < 32 and char != "\n" for text in texts for char in text or "")
    event = TokenDescribed(
        id="described:m:1",
        pos=(1, 0, 0, 0),  # type: ignore[arg-type]  # as JSON has it
        received_at_ns=1,
        mint="m",
        uri="u",
        attempt=1,
        created_sequence=1,
        complete_until=0,
        description=found.description,
        image=found.image,
        website=found.website,
    )
    again = decode(encode(event))
    assert isinstance(again, TokenDescribed)
    assert [again.description, again.image, again.website] == texts


@pytest.mark.parametrize(
    "uri",
    [
        f"ipfs://{CID}",
        f"ipfs://ipfs/{CID}",
        f"IPFS://{CID}",
        f"https://ipfs.io/ipfs/{CID}",
        f" http://gateway.example:8080/ipfs/{CID} ",
    ],
)
def test_content_is_asked_for_at_the_gateways_alone(uri: str) -> None:
    assert addresses(uri, GATEWAYS) == [gateway + CID for gateway in GATEWAYS]


def test_a_path_behind_the_content_stays() -> None:
    assert addresses(f"ipfs://{CID}/a b.json?c", GATEWAYS[:1]) == [f"{GATEWAYS[0]}{CID}/a b.json?c"]


@pytest.mark.parametrize(
    "uri",
    ["https://a.example/m.json", "http://a.example/ipfs/no-content", "HTTPS://a.example/x/ipfs/y"],
)
def test_any_other_address_of_the_web_is_asked_for_as_it_is(uri: str) -> None:
    assert addresses(uri, GATEWAYS) == [uri]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        " ",
        "a.example/m.json",
        "ftp://a.example/m.json",
        "file:///etc/passwd",
        "data:application/json,{}",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "ipfs://",
        "ipfs://../../admin",
        "https://a.example/\nHost: b",
        "https://a.example/\0",
        "https://a.example/" + "a" * URI_CHARS_MAX,
    ],
)
def test_what_is_no_address_is_never_asked_for(uri: str) -> None:
    found = addresses(uri, GATEWAYS)
    assert isinstance(found, Unfetched)
    assert (found.failure, found.passing) == ("address", False)


def test_no_content_leads_out_of_the_gateways_folder() -> None:
    found = addresses(f"ipfs://{CID}@evil.example/", GATEWAYS[:1])
    assert isinstance(found, Unfetched)
