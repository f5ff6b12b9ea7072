"""Letters of a chain with forks, read over gRPC: after a fix the log is the chain's own ledger."""

import asyncio

import pytest

from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.ingesting import ingesting
from curvetape.simulator.faults import Script
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.stage import staged
from curvetape.testing import next_year
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import audited, whole
from curvetape.testing.retries import counted, left, retry
from curvetape.testing.waiting import until
from domain.events import SlotConfirmed

SLOTS = 40
UNKNOWN_SHARE = 0.2
RAW_HOURS = 1.0
SETTLE_S_MAX = 30.0


async def read(live_log: LiveLog, chain: ForkedChain, *, raw_hours: float) -> None:
    """Let ingest read the chain from an honest endpoint, up to its last block."""
    said: list[str] = []
    async with staged(chain, Script(seed=chain.seed, endpoints=[[]], node=False)) as stage:
        settings = Settings(
            nats_url=live_log.server.url,
            nats_monitor_url=live_log.server.monitor_url,
            yellowstone_url=stage.endpoints[0].url,
            raw_hours=raw_hours,
        )
        async with ingesting(settings, say=said.append) as ingest:
            running = asyncio.create_task(ingest.run())
            await stage.play()

            async def is_settled() -> bool:
                return ingest.pipeline.progress.sealed_slot == chain.slots[-1]

            await until(is_settled, wait_s_max=SETTLE_S_MAX)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("raw_hours", [0.0, RAW_HOURS])
@pytest.mark.parametrize("seed", [3, 4])
async def test_after_a_fix_the_log_holds_what_the_chain_did_and_nothing_else(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch, seed: int, raw_hours: float
) -> None:
    await apply(live_log.connection, load(definitions() / "streams.toml", raw_hours=raw_hours))
    chain = ForkedChain(seed, slots=SLOTS, unknown_share=UNKNOWN_SHARE)
    await read(live_log, chain, raw_hours=raw_hours)
    sealed = await audited(live_log)
    assert (sealed.verdict, sealed.problems) == ("complete", ())
    assert sealed.unknown > SLOTS
    letters = len(await left(live_log))
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    assert len(outcomes) == letters > sealed.unknown, "some letters are of forks"
    first = min(it.slot for it in await whole(live_log) if isinstance(it, SlotConfirmed))
    happened = {
        event.id for slot in chain.ledger.values() if slot.slot >= first for event in slot.events
    }
    appended = sum(it.outcome == "appended" for it in outcomes)
    report = await audited(live_log)
    assert (report.verdict, report.problems) == ("complete", ())
    assert report.unknown == sealed.unknown - appended
    found = await counted(live_log)
    assert found <= happened
    assert len(happened - found) == report.unknown
    if raw_hours:
        assert (found, report.unknown) == (happened, 0)
    assert len(await left(live_log)) == letters - appended
