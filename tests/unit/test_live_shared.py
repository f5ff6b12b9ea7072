"""One answer for all who ask the same at about the same time."""

import asyncio

import pytest

from api.live import shared
from api.live.shared import Shared


class Slow:
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def answer(self, key: str) -> str:
        self.asked.append(key)
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return f"{key} {len(self.asked)}"


async def test_many_who_ask_the_same_ask_once() -> None:
    slow = Slow()
    answers = Shared(slow.answer)
    asking = [asyncio.create_task(answers.get(key)) for key in "aabab"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    slow.let.set()
    assert await asyncio.gather(*asking) == ["a 2", "a 2", "b 2", "a 2", "b 2"]
    assert slow.asked == ["a", "b"]


async def test_an_answer_is_given_to_others_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "FRESH_S", 0.02)
    slow = Slow()
    slow.let.set()
    answers = Shared(slow.answer)
    assert await answers.get("a") == await answers.get("a") == "a 1"
    await asyncio.sleep(0.05)
    assert await answers.get("a") == "a 2"


async def test_who_goes_away_leaves_the_answer_to_the_others() -> None:
    slow = Slow()
    answers = Shared(slow.answer)
    first, second = (asyncio.create_task(answers.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    slow.let.set()
    assert await second == "a 1"
    assert first.cancelled()


async def test_an_error_goes_to_all_who_wait_and_is_not_kept() -> None:
    slow = Slow()
    slow.error = ConnectionError("away")
    answers = Shared(slow.answer)
    asking = [asyncio.create_task(answers.get("a")) for _ in range(2)]
    await asyncio.sleep(0)
    slow.let.set()
    assert [str(it) for it in await asyncio.gather(*asking, return_exceptions=True)] == ["away"] * 2
    slow.error = None
    assert await answers.get("a") == "a 2"
