"""AsyncAPI's own parser reads the catalogue of subjects, and finds every kind of event in it."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.jetstream.definition import load
from curvetape.contract import catalogue
from curvetape.contract.schemas import KINDS, tag
from curvetape.definitions import definitions
from curvetape.testing.checkout import ROOT
from curvetape.testing.node import run_script
from domain.events import decode

FILE = ROOT / "nats" / "asyncapi.yaml"
FIXTURES = sorted((ROOT / "tests" / "fixtures" / "events").glob("*.json"))


async def read(file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the parser has to say against a document, and the channels that it finds."""
    lines = await run_script("asyncapi.mjs", {"file": str(file)})
    return [it for it in lines if "code" in it], [it for it in lines if "address" in it]


def matches(address: str, subject: str) -> bool:
    """Whether a subject is one of an address with parameters."""
    named, given = address.split("."), subject.split(".")
    return len(named) == len(given) and all(
        part == said or part.startswith("{") for part, said in zip(named, given, strict=True)
    )


def test_the_committed_catalogue_is_that_of_the_events() -> None:
    expected = catalogue.encoded(catalogue.catalogue())
    assert FILE.read_bytes() == expected, "run `make contract`"


async def test_the_official_parser_finds_nothing_wrong() -> None:
    complaints, _ = await read(FILE)
    assert complaints == []


async def test_every_kind_has_its_subject_and_its_schema() -> None:
    _, channels = await read(FILE)
    found = {
        kind: channel["address"]
        for channel in channels
        for kinds in channel["kinds"]
        for kind in kinds
    }
    assert found == {tag(kind): catalogue.address(kind) for kind in KINDS}
    assert all(
        [kind] in channel["kinds"]
        for channel in channels
        for kind in channel["messages"]
        if channel["address"].startswith("pump.")
    )


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_an_event_is_logged_under_the_subject_of_its_channel(path: Path) -> None:
    event = decode(path.read_bytes())
    addresses = {it["address"] for it in catalogue.catalogue()["channels"].values()}
    assert [it for it in addresses if matches(it, event.subject)] == [
        catalogue.address(type(event))
    ]


async def test_each_part_of_an_address_that_differs_is_a_described_parameter() -> None:
    _, channels = await read(FILE)
    assert len(channels) > len({tag(kind) for kind in KINDS})
    for channel in channels:
        braced = [it.strip("{}") for it in channel["address"].split(".") if it.startswith("{")]
        assert channel["parameters"] == braced


def test_every_stream_of_the_chain_has_a_channel() -> None:
    """Streams of users are the product's own and no contract."""
    streams = load(definitions() / "streams.toml", raw_hours=1.0)
    subjects = [it for stream in streams for it in stream.subjects if stream.name != "USERS"]
    addresses = [it["address"] for it in catalogue.catalogue()["channels"].values()]
    for subject in subjects:
        root = subject.removesuffix(">")
        assert any(it.startswith(root) for it in addresses), subject


async def test_what_is_wrong_with_a_catalogue_is_found(tmp_path: Path) -> None:
    shutil.copytree(FILE.parent / "schemas", tmp_path / "schemas")
    document = msgspec.yaml.decode(FILE.read_bytes())
    document["channels"]["curve.traded"]["messages"] = {"x": {"$ref": "#/components/messages/x"}}
    broken = tmp_path / "asyncapi.yaml"
    broken.write_bytes(msgspec.yaml.encode(document))
    complaints, _ = await read(broken)
    assert complaints
