"""A folder belongs to one Curvetape at a time, and to one chain for ever."""

from pathlib import Path

import pytest

from curvetape.config import Settings
from curvetape.home import Home, HomeInUseError, OtherChainError
from curvetape.up import identity_of


def test_a_folder_in_use_is_refused_to_others_until_it_is_left(tmp_path: Path) -> None:
    home = Home(tmp_path, "simulated")
    with home.locked():
        with pytest.raises(HomeInUseError, match="--home"), Home(tmp_path, "simulated").locked():
            pass
        with Home(tmp_path, "live").locked():
            pass
    with home.locked():
        pass


def test_what_a_killed_one_noted_of_itself_is_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path, "live")
    with home.locked():
        home.note_addresses({"nats": "nats://127.0.0.1:1"})
        home.note_processes({"nats-server": 1})
    with home.locked():
        assert not home.addresses_file.exists()
        assert not home.processes_file.exists()


@pytest.mark.parametrize(
    "other",
    [
        Settings(simulate_rate=2_000),
        Settings(simulate_seed=2),
        Settings(simulate_genesis_time_s=2),
    ],
)
def test_a_market_made_from_something_else_is_refused_by_name(
    tmp_path: Path, other: Settings
) -> None:
    """Its process would refuse it too, and be started again without end."""
    home = Home(tmp_path, "simulated")
    with home.locked():
        home.claim(identity_of(Settings(simulate_genesis_time_s=1)))
        with pytest.raises(OtherChainError, match=r"was 2.*, there it is .*--home"):
            home.claim(identity_of(other))


def test_what_a_market_does_not_depend_on_may_change(tmp_path: Path) -> None:
    home = Home(tmp_path, "simulated")
    with home.locked():
        home.claim(identity_of(Settings(simulate_genesis_time_s=1)))
        home.claim(identity_of(Settings(simulate_slots=9, api_port=9_000)))
        home.claim(identity_of(Settings(simulate_genesis_time_s=1)))


def test_a_market_that_began_when_it_liked_has_no_other_beginning(tmp_path: Path) -> None:
    home = Home(tmp_path, "simulated")
    with home.locked():
        home.claim(identity_of(Settings()))
        with pytest.raises(OtherChainError, match="genesis_time was 2, there it is left open"):
            home.claim(identity_of(Settings(simulate_genesis_time_s=2)))


def test_recordings_of_another_folder_are_refused(tmp_path: Path) -> None:
    """Ingest goes on where the log ends, so older ones among them would never be asked for."""
    home = Home(tmp_path, "recorded")
    with home.locked():
        home.claim(identity_of(Settings(simulate_transactions="one")))
        home.claim(identity_of(Settings(simulate_transactions="./one/")))
        with pytest.raises(OtherChainError, match=r"transactions was .*two"):
            home.claim(identity_of(Settings(simulate_transactions="two")))


def test_there_is_only_one_live_chain(tmp_path: Path) -> None:
    home = Home(tmp_path, "live")
    with home.locked():
        for url in ("https://one:443", "https://two:443"):
            home.claim(identity_of(Settings(yellowstone_url=url)))
