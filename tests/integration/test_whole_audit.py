"""`curvetape audit` asks log, archive and read models, and says on one page what they prove."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from curvetape.ageing import Ageing
from curvetape.archiving import Archiving
from curvetape.bootstrap import projecting
from curvetape.config import Settings
from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent
from domain.log import Entry
from ingest.transaction import translated

APPEND_MAX = 500
SEGMENT = 500
KEEP = 100
NOWHERE = "postgresql://127.0.0.1:1/none"


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What was said, however its lines were broken."""
        return " ".join(self.out.split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def audit(*arguments: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "audit", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def market(blocks: int) -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:blocks]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


async def append(log: LiveLog, held: CertifiedLog) -> None:
    entries = [
        Entry(subject=event.subject, id=f"{sequence}", payload=payload)
        for sequence, payload, event in held
    ]
    for at in range(0, len(entries), APPEND_MAX):
        await log.appender.append(entries[at : at + APPEND_MAX])


async def project(log: LiveLog, dsn: str) -> None:
    settings = Settings(nats_url=log.server.url, postgres_dsn=dsn)
    async with projecting(settings) as runner:
        await runner.run(follow=False)


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def seal(log: LiveLog, folder: Path) -> FolderStore:
    store = FolderStore(folder)
    await Archiving(log.log, store, print, events_max=SEGMENT).once()
    return store


def with_a_gap(events: list[AnyEvent]) -> CertifiedLog:
    """The market, of which two slots at the end could not be had."""
    held = certified(events)
    last = events[-1].pos.slot
    held.gap(last + 1, last + 2)
    held.append(curve_traded(last + 3, "mint"))
    held.seal(last + 3)
    return held


async def test_what_is_complete_is_proven_on_one_page(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    await append(live_log, certified(market(60), quiet=0))
    await project(live_log, postgres_dsn)
    await seal(live_log, tmp_path)
    at = ["--url", live_log.server.url, "--postgres", postgres_dsn, "--archive", str(tmp_path)]
    page = await audit(*at)
    assert page.code == 0, page.out + page.err
    for line in (
        "1. Certificates: proven",
        "2. Reserves: proven",
        "3. Archive: proven",
        "4. Read models: proven",
        "Verdict: proven",
    ):
        assert f"\n{line}\n" in page.out
    assert "asking the read models" in page.err
    told = (await audit(*at, "--json")).json
    assert told["verdict"] == "proven"
    audits = told["audits"]
    assert {name: it["verdict"] for name, it in audits.items()} == dict.fromkeys(
        ("slots", "reserves", "archive", "models"), "proven"
    )
    assert audits["slots"]["report"]["transactions_checked"] == 60
    assert audits["slots"]["report"]["head"] in page.out
    assert audits["archive"]["report"]["segments"] > 1
    assert audits["models"]["report"]["verdict"] == "equal"


async def test_a_stream_that_has_let_go_is_proven_with_its_archive_and_not_without(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    await append(live_log, certified(market(60), quiet=0))
    await project(live_log, postgres_dsn)
    store = await seal(live_log, tmp_path)
    assert await Ageing(live_log.connection, store, print, keep=KEEP).let_go() > 0
    at = ["--url", live_log.server.url, "--postgres", postgres_dsn]
    archive = ["--archive", str(tmp_path)]
    assert (await audit(*at, *archive)).code == 0
    assert (await audit("models", *at, *archive)).code == 0
    assert (await audit("slots", *at[:2], *archive)).code == 0
    mint = next(it.mint for it in market(1) if hasattr(it, "mint"))
    assert (await audit("reserves", *at[:2], *archive, "--mint", mint)).code == 0
    without = await audit(*at)
    assert without.code == 3
    for name in ("Certificates", "Reserves", "Read models"):
        assert f". {name}: not judged\n" in without.out
    assert "Verdict: incomplete" in without.out
    for alone in (["slots"], ["reserves"], ["reserves", "--mint", mint]):
        refused = await audit(*alone, *at[:2])
        assert (refused.code, refused.out) == (1, "")
        assert "CURVETAPE_ARCHIVE_URL" in refused.err


async def test_what_is_missing_and_what_is_damaged_are_told_apart(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    events = market(30)
    await append(live_log, with_a_gap(events))
    await project(live_log, postgres_dsn)
    at = ["--url", live_log.server.url, "--postgres", postgres_dsn, "--archive", str(tmp_path)]
    incomplete = await audit(*at)
    assert incomplete.code == 3
    assert "1. Certificates: incomplete" in incomplete.out
    assert "3. Archive: not set up" in incomplete.out, "nothing is sealed in it"
    assert "4. Read models: proven" in incomplete.out
    first = events[-1].pos.slot + 1
    assert f"Fill the gap of slots {first} to {first + 1}" in incomplete.words

    await seal(live_log, tmp_path)
    (tmp_path / chain.manifests(FolderStore(tmp_path))[0].file).write_bytes(b"PAR1")
    await execute(postgres_dsn, "update tokens set trades = trades + 1 where mint = 'mint'")
    damaged = await audit(*at)
    assert damaged.code == 4
    assert "1. Certificates: incomplete" in damaged.out
    assert "3. Archive: damaged" in damaged.out
    assert "4. Read models: damaged" in damaged.out
    assert "1 row of tokens is not what a replay gives" in damaged.words
    assert "Verdict: damaged" in damaged.out
    assert (await audit(*at, "--json")).json["verdict"] == "damaged"


async def test_a_database_that_is_named_and_does_not_answer_leaves_a_question_open(
    live_log: LiveLog,
) -> None:
    await append(live_log, certified(market(10)))
    page = await audit("--url", live_log.server.url, "--postgres", NOWHERE)
    assert page.code == 3
    assert "4. Read models: not judged" in page.out
    assert "could not be reached" in page.words


async def test_what_was_never_set_up_is_no_fault(live_log: LiveLog) -> None:
    await append(live_log, certified(market(10)))
    page = await audit("--url", live_log.server.url)
    assert page.code == 0
    assert "3. Archive: not set up" in page.out
    assert "4. Read models: not set up" in page.out
    assert "Not set up, and so not asked: archive and read models." in page.words


async def test_read_models_alone_are_named_where_they_differ(
    live_log: LiveLog, postgres_dsn: str
) -> None:
    await append(live_log, certified(market(20)))
    await project(live_log, postgres_dsn)
    at = ["models", "--url", live_log.server.url, "--postgres", postgres_dsn]
    equal = await audit(*at)
    assert equal.code == 0
    names = "candles, trades, tokens, portfolios, search, holders, sol_prices and slots"
    assert equal.out.startswith(f"equal: {names} hold exactly what a replay")
    await execute(postgres_dsn, "delete from trades where pos = (select min(pos) from trades)")
    await execute(postgres_dsn, "insert into token_burns values ('planted', 1, 7)")
    different = await audit(*at)
    assert different.code == 4
    assert different.out.startswith("different: 2 rows of trades and tokens are not what a replay")
    assert "missing: trades, mint " in different.out
    assert "extra: token_burns, mint planted, pos 1" in different.out
    models = (await audit(*at, "--json")).json["models"]
    assert {it["name"]: it["tables"][0]["differences"] for it in models} == {
        "candles": {},
        "trades": {"missing": 1},
        "tokens": {},
        "portfolios": {},
        "holders": {},
        "search": {},
        "sol_prices": {},
        "slots": {},
    }
    gone = await audit(*at[:3], "--postgres", NOWHERE)
    assert (gone.code, "could not be reached" in gone.err) == (1, True)


async def test_the_archive_alone_is_whole_damaged_or_empty(
    live_log: LiveLog, tmp_path: Path
) -> None:
    at = ["archive", "--archive", str(tmp_path)]
    empty = await audit(*at)
    assert (empty.code, empty.out) == (3, f"empty: nothing is sealed in {tmp_path}\n")
    await append(live_log, certified(market(30)))
    store = await seal(live_log, tmp_path)
    whole = await audit(*at)
    assert whole.code == 0
    assert whole.out.startswith("whole: from sequence 1 to ")
    first, second = chain.manifests(store)[:2]
    (tmp_path / first.file).write_bytes(b"PAR1")
    damaged = await audit(*at, "--json")
    assert damaged.code == 4
    assert [it["name"] for it in damaged.json["damaged"]] == [first.file]
    (tmp_path / second.name).write_bytes((tmp_path / second.name).read_bytes() + b"\n")
    broken = await audit(*at)
    assert broken.code == 4
    assert second.name in broken.out
    assert "is not as it was written" in broken.out


async def test_what_is_asked_wrongly_is_said() -> None:
    behind = await audit("--json", "slots")
    assert (behind.code, "give the options behind slots" in behind.err) == (2, True)
    models = await audit("models", "--url", "nats://127.0.0.1:1")
    assert (models.code, "no read models; give --postgres" in models.err) == (2, True)
    gone = await audit("--url", "nats://127.0.0.1:1")
    assert (gone.code, gone.out) == (1, "")
    assert "Error: nats://127.0.0.1:1 could not be reached" in gone.err
