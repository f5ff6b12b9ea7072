"""Running processes tell Prometheus how they are."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.embedded.ports import free_port
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.product import Product
from curvetape.testing.waiting import until
from domain.events import AnyEvent

EVENTS: list[AnyEvent] = [created(1, "a"), *(curve_traded(slot, "a") for slot in range(2, 40))]
ANSWER_WAIT_S_MAX = 20.0
CANDLES = (("projection", "candles"),)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(address: str) -> Samples:
    """Every sample, by name and labels, as Prometheus parses them; `OSError` without an answer."""
    with urlopen(address, timeout=ANSWER_WAIT_S_MAX) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.read().decode()
    return {
        (it.name, tuple(sorted(it.labels.items()))): it.value
        for family in text_string_to_metric_families(text)
        for it in family.samples
    }


def variables(live_log: LiveLog, dsn: str, listen: str) -> Mapping[str, str]:
    return {
        **os.environ,
        "CURVETAPE_NATS_URL": live_log.server.url,
        "CURVETAPE_NATS_MONITOR_URL": live_log.server.monitor_url,
        "CURVETAPE_POSTGRES_DSN": dsn,
        "CURVETAPE_METRICS_LISTEN": listen,
    }


@asynccontextmanager
async def projecting(environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "project"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_project_tells_position_lag_and_saves_and_goes_on_telling_without_the_log(
    live_log: LiveLog, postgres_dsn: str
) -> None:
    await live_log.appender.append(entries(EVENTS))
    listen = f"127.0.0.1:{free_port()}"
    last: Samples = {}

    async def scrape() -> None:
        try:
            last.update(await asyncio.to_thread(scraped, f"http://{listen}/metrics"))
        except OSError:  # it has not begun to listen
            return

    async def projected() -> bool:
        await scrape()
        tail = ("curvetape_projection_state", (*CANDLES, ("state", "tail")))
        return last.get(tail) == 1

    async def alone() -> bool:
        last.clear()
        await scrape()
        return last.get(("curvetape_log_reachable", ())) == 0

    async with projecting(variables(live_log, postgres_dsn, listen)):
        await until(projected, wait_s_max=60)
        assert last["curvetape_projection_position", CANDLES] == len(EVENTS)
        assert last["curvetape_projection_events_total", CANDLES] == len(EVENTS)
        assert last["curvetape_projection_lag_events", CANDLES] == 0
        assert last["curvetape_projection_lag_seconds", CANDLES] == 0
        assert last["curvetape_projection_parked_events", CANDLES] == 0
        assert last["curvetape_projection_version", CANDLES] >= 1
        saves = last["curvetape_projection_save_seconds_count", CANDLES]
        assert saves >= last["curvetape_projection_batches_total", CANDLES] >= 1
        beyond = ("curvetape_projection_save_seconds_bucket", (("le", "+Inf"), *CANDLES))
        assert last[beyond] == saves
        assert last["curvetape_projection_save_seconds_sum", CANDLES] > 0
        assert last["curvetape_log_reachable", ()] == 1
        await live_log.server.stop()
        await until(alone, wait_s_max=60)
        assert last["curvetape_projection_position", CANDLES] == len(EVENTS)
        assert ("curvetape_projection_lag_events", CANDLES) not in last
        with pytest.raises(OSError, match="404"):
            await asyncio.to_thread(scraped, f"http://{listen}/other")


async def test_an_address_that_is_taken_is_named(live_log: LiveLog, postgres_dsn: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with projecting(variables(live_log, postgres_dsn, listen)) as process:
            _, err = await process.communicate()
    assert process.returncode == 1
    assert f"cannot answer /metrics at {listen}" in err.decode()


def test_up_has_ingest_and_project_tell_theirs(server_folder: Path) -> None:
    def told(product: Product) -> bool:
        addresses = product.addresses()
        ingest, project = (scraped(addresses[f"{it}_metrics"]) for it in ("ingest", "project"))
        return (
            ingest["curvetape_ingest_sealed_slot", ()] > 0
            and ingest["curvetape_ingest_events_total", ()] > 0
            and project["curvetape_projection_position", CANDLES] > 0
        )

    with Product(server_folder, "--slots", "20", "--rate", "200") as product:
        product.wait_for("metrics", told)
