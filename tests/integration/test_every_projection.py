"""Every read model that there is holds the same rows, whatever way they were made.

Live in small batches by runners that die, rebuilt from the log, rebuilt from the archive, and of
the same chain had all come in time. Whoever adds a read model has it tried here by registering it.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from adapters.archive.folder import FolderStore
from adapters.jetstream.ageing import extent
from adapters.postgres import upsert
from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import NO_CONNECTIONS, open_pool
from adapters.postgres.upsert import Upsert
from curvetape.ageing import Ageing
from curvetape.archiving import Archiving
from curvetape.bootstrap import read_models, read_models_of
from curvetape.config import Settings
from curvetape.rebuilding import Rebuilding, check_name
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.history import as_it_came, as_it_was
from curvetape.testing.log import LiveLog
from curvetape.testing.memory_log import MemoryLog
from domain.log import Entry, EventLog, LogUnavailableError, Recorded
from projections.narrowed import Part
from projections.runner import Runner

APPEND_MAX = 500
SEGMENT_EVENTS = 200
KEEP = 150
DIFFER = 4
BROKEN = "curvetape.testing.broken_models:by_arrival,curvetape.testing.broken_models:by_batch"
NAMES = [it.projection.name for it in read_models(NO_CONNECTIONS)]
OF_THE_LOG = ("slots",)
"""Their rows tell what the log says and where, so another log of the same chain gives others."""

Rows = Mapping[str, tuple[int, str]]
"""How many, and the SHA-256 of all, by table."""


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows travel in both ways: several together are copied, one alone is not."""
    monkeypatch.setattr(upsert, "COPIED_ROWS_MIN", 2)


class Breaking:
    """A log that is lost after some batches, while what it gave is being saved."""

    def __init__(self, log: EventLog, batches: int) -> None:
        self._log = log
        self._batches = batches

    async def last_sequence(self) -> int:
        return await self._log.last_sequence()

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        left = self._batches
        async for batch in self._log.read(after=after, batch_max=batch_max, follow=follow):
            if not left:
                raise LogUnavailableError("it is lost")
            left -= 1
            yield batch


class Stage(NamedTuple):
    """A read model with a log, a database and an archive of its own."""

    name: str
    settings: Settings
    live_log: LiveLog
    tables: Sequence[Upsert]

    @property
    def dsn(self) -> str:
        return self.settings.postgres_dsn or ""

    async def project(self) -> None:
        """Bring it to the log's end by runners that die, each a little later than the last."""
        await migrate(self.dsn)
        pool = await open_pool(self.dsn, connections_max=2)
        try:
            for batches in count(2, 9):
                hosted = check_name(read_models_of(self.settings)(pool), self.name)
                log = Breaking(self.live_log.log, batches)
                runner = Runner(log, [hosted], batch_max=3 + batches % 7)
                try:
                    await runner.run(follow=False)
                except LogUnavailableError:
                    continue
                return
        finally:
            await pool.close()

    async def rebuilt(self, log: EventLog, part_in: str) -> Rows:
        """The rows of a rebuild from a log, kept in a schema."""
        async with await Generations.open(self.dsn) as generations:
            models = read_models_of(self.settings)
            rebuilding = Rebuilding(log, generations, models, self.name, print, batch_max=997)
            await rebuilding.build_part(Part(), part_in)
        return await self.rows(part_in)

    async def rows(self, schema: str = "public") -> Rows:
        connection = await asyncpg.connect(self.dsn)
        try:
            found = {}
            for table in self.tables:
                texts = [
                    row[0]
                    for row in await connection.fetch(
                        f"select t::text from {schema}.{table.view} t order by 1"
                    )
                ]
                digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
                found[table.table] = (len(texts), digest)
            return found
        finally:
            await connection.close()

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def command(self, *arguments: str, archive: Path | None = None) -> tuple[int, str]:
        """Run `curvetape projections`; its exit code, and what it said."""
        settings = {
            "CURVETAPE_NATS_URL": self.live_log.server.url,
            "CURVETAPE_NATS_MONITOR_URL": self.live_log.server.monitor_url,
            "CURVETAPE_POSTGRES_DSN": self.dsn,
            "CURVETAPE_PROJECTIONS": self.settings.projections or "",
            "CURVETAPE_ARCHIVE_URL": str(archive or ""),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "curvetape", "projections", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **settings},
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()


async def append(live_log: LiveLog, held: CertifiedLog) -> None:
    sent = [
        Entry(subject=event.subject, id=str(sequence), payload=payload)
        for sequence, payload, event in held
    ]
    for at in range(0, len(sent), APPEND_MAX):
        await live_log.appender.append(sent[at : at + APPEND_MAX])


async def staged(name: str, live_log: LiveLog, dsn: str, projections: str | None = None) -> Stage:
    settings = Settings(postgres_dsn=dsn, projections=projections)
    store = check_name(read_models_of(settings)(NO_CONNECTIONS), name).store
    assert isinstance(store, CheckpointedStore)
    await append(live_log, as_it_came())
    return Stage(name, settings, live_log, list(store.tables))


async def proof(stage: Stage, archive: Path) -> list[str]:
    """What is not as it has to be: no sentence for a read model that is right."""
    wrong = []
    await stage.project()
    live = await stage.rows()
    if not sum(rows for rows, _ in live.values()):
        wrong.append("the history gives it no rows; add to curvetape/testing/history.py")
    if await stage.rebuilt(stage.live_log.log, "from_log") != live:
        wrong.append("the rows depend on how the log is cut")
    in_time = MemoryLog([event for *_, event in as_it_was()])
    if stage.name not in OF_THE_LOG and await stage.rebuilt(in_time, "in_time") != live:
        wrong.append("the rows depend on what came late or died")
    code, said = await stage.command("verify", stage.name)
    if code:
        wrong.append(f"verify ended with {code}: {said}")
    store = FolderStore(archive)
    await Archiving(stage.live_log.log, store, print, events_max=SEGMENT_EVENTS).once()
    await Ageing(stage.live_log.connection, store, print, keep=KEEP).let_go()
    assert (await extent(stage.live_log.connection, "PUMP")).first_sequence > SEGMENT_EVENTS
    code, said = await stage.command("rebuild", stage.name, archive=archive)
    assert code == 0, said
    if await stage.rows() != live:
        wrong.append("the archive gives other rows")
    return wrong


@pytest.mark.parametrize("name", NAMES)
async def test_rows_are_the_same_live_rebuilt_and_from_the_archive(
    name: str, live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    stage = await staged(name, live_log, postgres_dsn)
    assert await proof(stage, tmp_path) == []
    for table, (rows, _) in (await stage.rows()).items():
        if rows:
            await stage.execute(
                f"delete from {table} where ctid = (select ctid from {table} limit 1)"
            )
            break
    code, said = await stage.command("verify", name, archive=tmp_path)
    assert code == DIFFER, said


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("by_arrival", ["the rows depend on what came late or died"]),
        ("by_batch", ["the rows depend on how the log is cut", "verify ended with 4"]),
    ],
)
async def test_a_read_model_that_depends_on_the_order_is_noticed(
    name: str, wrong: Sequence[str], live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    stage = await staged(name, live_log, postgres_dsn, projections=BROKEN)
    found = await proof(stage, tmp_path)
    for sentence in wrong:
        assert any(it.startswith(sentence) for it in found), found
