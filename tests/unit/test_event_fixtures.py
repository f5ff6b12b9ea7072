"""Events that were once written can be read for ever: one file for each tag that ever was."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from domain.events import AnyEvent, decode, encode

FOLDER = Path(__file__).parents[1] / "fixtures" / "events"
FILES = sorted(FOLDER.glob("*.json"))
TAGS = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}


def test_every_tag_has_its_file() -> None:
    assert TAGS - {path.stem for path in FILES} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_of_old_is_still_read(path: Path) -> None:
    written = path.read_bytes()
    event = decode(written)
    assert msgspec.json.decode(written)["kind"] == path.stem
    assert event.subject.startswith("pump.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reading_an_event_of_old_loses_nothing(path: Path) -> None:
    written = msgspec.json.decode(path.read_bytes())
    if path.stem in TAGS:
        assert msgspec.json.decode(encode(decode(path.read_bytes()))) == written
