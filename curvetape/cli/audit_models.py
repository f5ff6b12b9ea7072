"""`curvetape audit models`: whether the read models are what the log gives."""

from functools import partial

import click

from adapters.jetstream.connection import Connection
from adapters.postgres.scratch import Scratch
from adapters.valkey.client import Valkey
from curvetape.archives import log_of
from curvetape.bootstrap import (
    NATS_URL,
    POSTGRES_DSN,
    index_comparison,
    leaderboard_server,
    leaderboards,
    read_models_of,
)
from curvetape.cli.audit_options import (
    CODES,
    EXIT_DAMAGED,
    EXIT_INCOMPLETE,
    json_option,
    log_options,
    log_settings,
    made,
    opened,
    postgres_option,
    print_report,
    rows_option,
)
from curvetape.cli.audit_text import print_models
from curvetape.cli.audit_walk import Log
from curvetape.cli.common import say
from curvetape.comparing import Comparing
from curvetape.comparing_keys import KeyComparing
from curvetape.config import Settings
from projections.audit.model_report import ModelReport, ModelsReport
from projections.audit.model_report import report as as_one
from projections.leaderboards import Leaderboards
from projections.search import Search

EPILOG = f"""\b
Examples:
  curvetape audit models
  curvetape audit models --postgres postgresql://127.0.0.1/curvetape
  curvetape audit models --json | jq '.models[].tables[] | {{name, rows, digest}}'{CODES}"""


@click.command(epilog=EPILOG)
@log_options
@postgres_option
@json_option
@rows_option
def models(
    url: str | None, address: str | None, dsn: str | None, *, as_json: bool, rows: int
) -> None:
    """Check that the read models are what a replay of the log gives, row by row.

    The log is replayed, by the program that keeps the read models, into temporary tables of the
    same database, up to each read model's own place in the log. Then every table is compared.
    Nothing else in the database is written, and whoever keeps the read models goes on. Where
    CURVETAPE_REDIS_URL is set, leaderboards are compared as well, and not kept up while they are.
    """
    settings = log_settings(url, address, postgres_dsn=dsn)
    given = settings.postgres_dsn
    if given is None:
        raise click.UsageError("no read models; give --postgres or set CURVETAPE_POSTGRES_DSN")

    async def audit() -> ModelsReport:
        async with await open_scratch(given) as scratch, opened(settings) as log:
            return await whole_report(settings, log, scratch, rows)

    report = made(audit)
    print_report(report, as_json=as_json, text=lambda: print_models(report, rows))
    raise SystemExit(exit_code(report))


def exit_code(report: ModelsReport) -> int:
    """What the command ends with."""
    return {"equal": 0, "not compared": EXIT_INCOMPLETE}.get(report.verdict, EXIT_DAMAGED)


async def open_scratch(dsn: str) -> Scratch:
    """Room for a replay; raises `NoReadModelsError` and `DatabaseUnreachableError`."""
    return await Scratch.open(dsn, application="curvetape audit")


async def whole_report(
    settings: Settings, log: Log, scratch: Scratch, rows_max: int
) -> ModelsReport:
    """All read models beside a replay, wherever they are; raises as the others do."""
    made = await models_report(log, scratch, rows_max, settings)
    if settings.redis_url is None:
        return made
    async with leaderboard_server(settings) as valkey:
        found = await keys_report(log, valkey, rows_max, batch_max=settings.project_batch_max)
    return as_one([*made.models, found], last_sequence=made.last_sequence)


async def named_report(
    settings: Settings, name: str, rows_max: int, *, mend: bool = False
) -> ModelsReport:
    """One read model beside a replay; with the index of search, which is mended where asked."""
    url = settings.nats_url or NATS_URL
    async with await Connection.open(url, name="curvetape projections") as connection:
        log = log_of(settings, connection)
        if name == Leaderboards.name:
            batch_max = settings.project_batch_max
            async with leaderboard_server(settings) as valkey:
                boards = await keys_report(log, valkey, rows_max, batch_max=batch_max)
            return as_one([boards], last_sequence=await log.last_sequence())
        async with await open_scratch(settings.postgres_dsn or POSTGRES_DSN) as scratch:
            found = await models_report(log, scratch, rows_max, settings, only=name)
    if name != Search.name or settings.meili_url is None:
        return found
    index = await index_report(settings, rows_max, mend=mend)
    return as_one([*found.models, index], last_sequence=found.last_sequence)


async def keys_report(log: Log, valkey: Valkey, rows_max: int, *, batch_max: int) -> ModelReport:
    """The leaderboards beside a replay; raises `LogError` and `ServerUnreachableError`."""
    hosted = partial(leaderboards, valkey)
    return await KeyComparing(
        log, valkey, hosted, say, batch_max=batch_max, rows_max=rows_max
    ).run()


async def index_report(settings: Settings, rows_max: int, *, mend: bool) -> ModelReport:
    """The index in Meilisearch beside the table of `search`, after it was mended where asked.

    Raises `SearchIndexError` and `ReadsUnavailableError`.
    """
    async with index_comparison(settings, rows_max=rows_max) as comparison:
        found = await comparison.run()
        if mend and (found.wrong or found.extra):
            say(f"mended {await comparison.mend(found):,} documents of the search index")
            found = await comparison.run()
    return found.report


async def models_report(
    log: Log, scratch: Scratch, rows_max: int, settings: Settings, *, only: str | None = None
) -> ModelsReport:
    """The read models beside a replay, or `only` one of them; raises `LogError`."""
    models = read_models_of(settings)
    batch_max = settings.project_batch_max
    hosted = [it for it in models(scratch) if only in (None, it.projection.name)]
    comparing = Comparing(log, scratch, hosted, say, batch_max=batch_max, rows_max=rows_max)
    return await comparing.run()
