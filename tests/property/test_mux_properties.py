"""However sources take turns, fail and end, what they handed over arrives, each in its order."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from curvetape.testing.blocks import raw
from domain.chain import ChainUpdate, SourceError
from ingest.mux import Mux

EXAMPLES_MAX = 25
"""Each takes a tick, a tenth of a second."""

scripts = st.lists(
    st.tuples(st.lists(st.integers(0, 4), max_size=25), st.booleans()), min_size=1, max_size=5
)
"""For each source how many turns it waits before each batch, and whether it fails at the end."""


class Turning:
    """A source that lets others have their turns before each batch."""

    def __init__(self, name: str, turns: Sequence[int], *, fails: bool) -> None:
        self.name = name
        self._turns = turns
        self._fails = fails

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        """One transaction each, with its number as slot."""
        for number, turns in enumerate(self._turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            yield [raw(number, number)]
        if self._fails:
            raise SourceError(self.name)


async def read(mux: Mux) -> tuple[dict[str, list[int]], bool]:
    """The numbers that came of each source, and whether reading ended with an error."""
    found: dict[str, list[int]] = {}
    try:
        async for name, updates in mux.batches():
            for update in updates:
                found.setdefault(name, []).append(update.slot)
    except SourceError:
        return found, True
    return found, False


@settings(max_examples=EXAMPLES_MAX, deadline=None)
@given(scripts)
def test_nothing_is_lost_doubled_or_out_of_order(script: list[tuple[list[int], bool]]) -> None:
    said: list[str] = []
    sources = [
        Turning(f"source {place}", turns, fails=fails)
        for place, (turns, fails) in enumerate(script)
    ]
    found, failed = asyncio.run(read(Mux(sources, say=said.append)))
    for place, (turns, _) in enumerate(script):
        assert found.get(f"source {place}", []) == list(range(len(turns)))
    failures = sum(fails for _, fails in script)
    assert len(said) == failures
    assert failed == (failures > 0)
