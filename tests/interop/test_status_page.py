"""The status page in a real Chromium, over a real log."""

from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import msgspec
import pytest

from api.status import page
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, curve_traded, migrated, recorded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import address
from curvetape.testing.node import SCRIPTS
from curvetape.testing.pages import opened
from curvetape.testing.reads import MemoryReads
from curvetape.testing.sockets import serving_sockets
from domain.events import AnyEvent
from projections.reads import ReadsUnavailableError

MINT, FRESH, OTHER = address("followed"), address("fresh"), address("other")
READ = {
    "connection": "#connection",
    "sequence": "#sequence",
    "models": "#models li",
    "trades": "#tape tr",
    "launches": "#launches li",
}


async def append(live: LiveLog, *events: AnyEvent) -> None:
    await live.appender.append(entries(events))


async def test_the_page_is_live_and_asks_nobody_else(live_log: LiveLog) -> None:
    launch = created(1, MINT)
    first: list[AnyEvent] = [launch, curve_traded(2, MINT)]
    await append(live_log, *first)
    async with serving_sockets(MemoryReads(recorded(first)), live_log.log) as url:
        lost = curve_traded(20, MINT, provisional=True)
        at = msgspec.structs.replace(lost.pos, slot=lost.pos.slot + 1)
        again = msgspec.structs.replace(lost, pos=at)
        abandoned = CertifiedLog()
        abandoned.abandon(lost.pos.slot)
        stages: list[dict[str, int | str]] = [
            {"#connection[data-state=live]": 1},
            {"#tape tr": 1, "#launches [data-kind=graduation]": 1},
            {"#tape tr[data-gone]": 1},
            {"#tape tr:not([data-gone])": 1},
            {"@hover": "#tape tr"},
            {"#launches li": 4},
            {"@hover": "h1", "#tape tr": 2},
        ]
        async with opened(f"{url}/status", stages=stages, read=READ) as shown:
            await shown.told()
            await append(live_log, created(10, FRESH), lost, migrated(30, FRESH))
            seen = await shown.told()
            await append(live_log, *(event for _, _, event in abandoned))
            await shown.told()
            # Another fork has it as well.
            (entry,) = entries([again])
            await live_log.appender.append([msgspec.structs.replace(entry, id="again")])
            assert len((await shown.told())["texts"]["trades"]) == 1
            await shown.told()
            # What the pointer is on stays where it is, and is caught up with afterwards.
            await append(live_log, curve_traded(50, MINT), created(60, OTHER))
            held = await shown.told()
            await shown.told()
    assert len(held["texts"]["trades"]) == 1
    texts = seen["texts"]
    assert texts["connection"] == ["live"]
    assert seen["errors"] == []
    hosts = {urlsplit(each).netloc for each in seen["requests"]}
    assert hosts == {urlsplit(url).netloc}
    (trade,) = texts["trades"]
    assert launch.symbol in trade
    assert "graduated" in texts["launches"][0]
    assert {line.split("\n")[0] for line in texts["models"]} >= {"trades", "tokens"}


def test_the_client_is_the_one_that_is_published() -> None:
    served = SCRIPTS / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"
    assert served.read_bytes() == Path(page.__file__).with_name("socket.io.min.js").read_bytes()


async def test_what_is_refused_at_first_is_asked_for_again(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(live_log, created(1, MINT))
    reads = MemoryReads(recorded([created(1, MINT)]))
    listed = reads.tokens

    async def away(**_: object) -> NoReturn:
        raise ReadsUnavailableError("the store is away")

    monkeypatch.setattr(reads, "tokens", away)
    stages = [{"#connection[data-state=live]": 1}, {"#launches li": 1}, {"#tape tr": 1}]
    async with (
        serving_sockets(reads, live_log.log) as url,
        opened(f"{url}/status", stages=stages, read=READ) as shown,
    ):
        await shown.told()
        monkeypatch.setattr(reads, "tokens", listed)
        await shown.told()
        await append(live_log, curve_traded(2, MINT))
        assert len((await shown.told())["texts"]["trades"]) == 1


async def test_numbers_are_written_as_traders_read_them_and_fit_on_a_phone(
    live_log: LiveLog,
) -> None:
    async with serving_sockets(MemoryReads(), live_log.log) as url:
        read = {"prices": "#tape td:nth-child(6)", "amounts": "#tape td:nth-child(4)"}
        stages = [{"#connection[data-state=live]": 1}, {"#tape tr": 2}]
        small = {"width": 360, "height": 740, "boxes": ["nav", "#tape tr", ".figures"]}
        async with (
            opened(f"{url}/status", stages=stages, read=read) as shown,
            opened(f"{url}/status", stages=stages, read={}, **small) as on_phone,
        ):
            await shown.told()
            await on_phone.told()
            # The first price is rounded up to one with a zero less.
            for number, reserves in ((5, (9_999_960_000, 10**12)), (6, (123_456, 10**12))):
                quote, token = reserves
                traded = curve_traded(
                    number,
                    MINT,
                    quote_amount=12_345_670_000_000,
                    virtual_quote_reserves=quote,
                    virtual_token_reserves=token,
                )
                await append(live_log, traded)
            texts = (await shown.told())["texts"]
            boxes = (await on_phone.told())["boxes"]
    assert sorted(texts["prices"]) == ["0.0₄1000", "0.0₉1235"]
    assert texts["amounts"] == ["12,346 SOL"] * 2
    assert set(boxes) == {"nav", "#tape tr", ".figures"}
    for found in boxes.values():
        assert found["x"] >= 0
        assert found["x"] + found["width"] <= small["width"]
