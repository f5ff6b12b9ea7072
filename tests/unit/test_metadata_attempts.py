"""What is asked again within an attempt, where, and what the settings of a resolver may say."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest

from curvetape.config import Settings, SettingsError
from curvetape.describing import allowed_of, gateways_of
from domain.document import Answer, Fetched, Unfetched
from ingest.metadata.attempts import TRIES_MAX, WAIT_S, Attempts

GONE = Unfetched(failure="status", detail="status 404", passing=False, http_status=404)
BUSY = Unfetched(failure="status", detail="status 503", passing=True, http_status=503)
FOUND = Fetched(b"{}")


class Scripted:
    """Answers by address, each in turn, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[Answer]]) -> None:
        self._answers = {address: list(each) for address, each in answers.items()}
        self.asked: list[str] = []
        self.waited: list[float] = []

    async def fetch(self, address: str) -> Answer:
        self.asked.append(address)
        answers = self._answers[address]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def sleep(self, wait_s: float) -> None:
        self.waited.append(wait_s)


async def ask(scripted: Scripted, *addresses: str) -> Answer:
    return await Attempts(scripted, chance=Random(1), sleep=scripted.sleep).ask(addresses)


async def test_the_first_answer_is_taken() -> None:
    scripted = Scripted({"a": [FOUND], "b": [FOUND]})
    assert await ask(scripted, "a", "b") == FOUND
    assert (scripted.asked, scripted.waited) == (["a"], [])


async def test_what_may_pass_is_asked_again_after_growing_waits_up_to_a_limit() -> None:
    scripted = Scripted({"a": [BUSY]})
    assert await ask(scripted, "a") == BUSY
    assert scripted.asked == ["a"] * TRIES_MAX
    assert len(scripted.waited) == TRIES_MAX - 1
    assert all(0 <= it <= WAIT_S * 2**n for n, it in enumerate(scripted.waited))


async def test_what_will_not_pass_is_asked_once() -> None:
    scripted = Scripted({"a": [GONE]})
    assert await ask(scripted, "a") == GONE
    assert scripted.asked == ["a"]


async def test_addresses_take_turns_and_one_that_refused_for_good_is_left_out() -> None:
    scripted = Scripted({"a": [GONE], "b": [BUSY, FOUND]})
    assert await ask(scripted, "a", "b") == FOUND
    assert scripted.asked == ["a", "b", "b"]


async def test_a_failure_may_pass_while_one_of_the_addresses_may_still_have_it() -> None:
    scripted = Scripted({"a": [BUSY], "b": [GONE], "c": [GONE]})
    answer = await ask(scripted, "a", "b", "c")
    assert isinstance(answer, Unfetched)
    assert (answer.passing, answer.http_status) == (True, 404)


async def test_without_a_gateway_nothing_is_asked() -> None:
    answer = await ask(Scripted({}))
    assert isinstance(answer, Unfetched)
    assert (answer.failure, answer.passing) == ("address", False)


def test_gateways_end_with_a_slash_and_are_addresses_of_the_web() -> None:
    gateways = " https://a.example/ipfs , http://b:81/ipfs/ ,"
    assert gateways_of(Settings(ipfs_gateways=gateways)) == [
        "https://a.example/ipfs/",
        "http://b:81/ipfs/",
    ]
    with pytest.raises(SettingsError, match=r"'a\.example' is no address"):
        gateways_of(Settings(ipfs_gateways="a.example"))


def test_what_is_allowed_names_hosts_with_ports() -> None:
    allowed = allowed_of(Settings(describe_allow="127.0.0.1:81, [::1]:82,LocalHost:83"))
    assert allowed == [("127.0.0.1", 81), ("::1", 82), ("localhost", 83)]
    assert allowed_of(Settings()) == []
    for wrong in ("127.0.0.1", ":80", "a:b"):
        with pytest.raises(SettingsError, match="is no host with a port"):
            allowed_of(Settings(describe_allow=wrong))
