"""The status page in a real Chromium, over a real log."""

from pathlib import Path
from urllib.parse import urlsplit

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
        abandoned = CertifiedLog()
        abandoned.abandon(lost.pos.slot)
        stages: list[dict[str, int | str]] = [
            {"#connection[data-state=live]": 1},
            {"#tape tr": 1, "#launches [data-kind=graduation]": 1},
            {"#tape tr[data-gone]": 1},
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
