"""`curvetape projections`: the read models, how far they are, and building them anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.live import Live

from adapters.jetstream.connection import Connection
from adapters.postgres.generations import Generations
from adapters.postgres.pool import NO_CONNECTIONS, open_pool
from adapters.valkey.generations import Generations as KeyGenerations
from curvetape.archives import log_of
from curvetape.bootstrap import (
    NATS_URL,
    POSTGRES_DSN,
    leaderboard_server,
    leaderboards,
    read_models_of,
)
from curvetape.building import Building
from curvetape.cli import compress, repartition, trim
from curvetape.cli.audit_models import exit_code, named_report
from curvetape.cli.audit_options import (
    EXIT_INCOMPLETE,
    json_option,
    made,
    print_report,
    rows_option,
)
from curvetape.cli.audit_text import print_models
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.cli.loads import key_load_of, loads_of
from curvetape.cli.projections_text import listed, retried, table
from curvetape.config import Settings
from curvetape.rebuilding import ReadModels, Rebuilding, UnknownProjectionError, check_name
from curvetape.rebuilding_keys import KeyRebuilding
from curvetape.registered import RegistrationError
from curvetape.standing import Standing, standing_of, standings
from curvetape.telling import Teller
from curvetape.unparking import Unparked, unpark, unpark_parts
from domain.log import EventLog
from projections.leaderboards import Leaderboards
from projections.narrowed import Part
from projections.search import Search

WATCH_WAIT_S = 1.0

T = TypeVar("T")


def _read_models() -> ReadModels:
    try:
        return read_models_of(settings_or_exit())
    except RegistrationError as error:
        raise click.ClickException(str(error)) from error


def _known(_ctx: click.Context, _parameter: click.Parameter, given: str) -> str:
    known = [*(it.projection.name for it in _read_models()(NO_CONNECTIONS)), Leaderboards.name]
    if given not in known:
        raise click.BadParameter(str(UnknownProjectionError(given, known)))
    return given


name_argument = click.argument("name", callback=_known)

EPILOG = """\b
Examples:
  curvetape projections list
  curvetape projections status --watch
  curvetape projections rebuild candles
  curvetape projections rollback candles"""

REBUILD_EPILOG = """\b
Examples:
  curvetape projections rebuild candles
  curvetape projections rebuild tokens --no-promote
  curvetape projections rebuild candles --until-slot 461400000 --into candles_monday"""


@click.group(short_help="Read models: how far, rebuilt, swapped, compared.", epilog=EPILOG)
def command() -> None:
    """Look after the read models.

    Each can be built anew beside the one that is served, from the archive and the stream, and put
    into its place in one step while others read and write. docs/projections.md says more.
    """


@command.command("list", short_help="Which there are, and their generations.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
def list_(*, as_json: bool) -> None:
    """Show the read models with all their generations."""
    settings, models = settings_or_exit(), _read_models()
    found = _answered(
        settings, lambda log, generations: _standings(settings, models, log, generations)
    )
    if as_json:
        _print(found)
    else:
        click.echo(listed(found))


@command.command(short_help="Position, lag and rate of each.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
@click.option("--watch", is_flag=True, help="Go on until stopped; with --json one line a second.")
def status(*, as_json: bool, watch: bool) -> None:
    """Show how far the served read models are, measured twice within a second.

    Exit code 1 if any of them was refused.
    """
    settings = settings_or_exit()
    last: list[Sequence[Standing]] = []
    models = _read_models()

    async def tell(log: EventLog, generations: Generations) -> None:
        before: Sequence[Standing] = ()
        with Live(console=Console(), refresh_per_second=4, transient=not watch) as live:
            while True:
                now = await _standings(settings, models, log, generations)
                if before:
                    last[:] = [[each.since(was) for each, was in zip(now, before, strict=True)]]
                    if as_json and watch:
                        _print(last[0])
                    elif watch:
                        live.update(table(last[0]))
                    if not watch:
                        return
                before = now
                await asyncio.sleep(WATCH_WAIT_S)

    run(lambda stop: until_stopped(stop, _within(settings, tell)))
    if last and not watch:
        if as_json:
            _print(last[0])
        else:
            Console().print(table(last[0]))
    raise SystemExit(int(any(each.served.refused for each in (last[0] if last else ()))))


@command.command(short_help="Build one anew, and serve it.", epilog=REBUILD_EPILOG)
@name_argument
@click.option("--fresh", is_flag=True, help="Begin anew, even where a build was left unfinished.")
@click.option("--no-promote", is_flag=True, help="Build it only; `promote` serves it later.")
@click.option(
    "--until-slot", type=click.IntRange(0), metavar="SLOT", help="Nothing of later slots."
)
@click.option("--mint", metavar="MINT", help="Only what is about this token.")
@click.option("--into", metavar="SCHEMA", help="Keep it in this schema, and serve what is served.")
def rebuild(
    name: str,
    *,
    fresh: bool,
    no_promote: bool,
    until_slot: int | None,
    mint: str | None,
    into: str | None,
) -> None:
    """Build the read model NAME from the log's first event on, beside the one that is served.

    Once it has caught up, it is put in that one's place, which is kept for `rollback`. A build
    that was interrupted goes on where it was.
    """
    part = Part(until_slot=until_slot, mint=mint)
    if (into is None) != part.is_all:
        raise click.UsageError(
            "--until-slot and --mint make a part of a read model, which cannot be served; say with "
            "--into which schema of the database it shall be kept in"
        )

    if into is not None and name == Leaderboards.name:
        raise click.UsageError(f"a part is kept in PostgreSQL only, and {name} are not")

    async def build(rebuilding: Building) -> None:
        if into is not None:
            assert isinstance(rebuilding, Rebuilding), "it is kept in PostgreSQL"
            made = await rebuilding.build_part(part, into)
            say(f"{name} up to sequence {made.sequence:,} is in the schema {into}")
            return
        await rebuilding.build(fresh=fresh)
        if no_promote:
            say(f"{name} waits to be served; `curvetape projections promote {name}` does it")
            return
        served = await rebuilding.serve("next")
        say(f"{name} is served from its new generation, at sequence {served.sequence:,}")

    _change(name, build)


@command.command(short_help="Compare one with a replay, row by row.")
@name_argument
@json_option
@rows_option
@click.option(
    "--mend", is_flag=True, help="Write again what the search index has differently, then compare."
)
def verify(name: str, *, as_json: bool, rows: int, mend: bool) -> None:
    """Check that what is served of NAME is what a replay of the log gives, row by row.

    It is what `curvetape audit models` does for all, with the same exit codes: 0 where they are
    equal, 3 where they could not be compared, 4 where they differ. Where CURVETAPE_MEILI_URL is
    set, the index in Meilisearch is compared with the table of `search`, too; --mend mends it.
    """
    settings = settings_or_exit()
    indexed = name == Search.name and settings.meili_url is not None
    if mend and not indexed:
        raise click.UsageError(
            f"--mend is for `verify {Search.name}` where CURVETAPE_MEILI_URL is set; "
            "`rebuild` is for all else"
        )
    report = made(lambda: named_report(settings, name, rows, mend=mend))
    print_report(report, as_json=as_json, text=lambda: print_models(report, rows))
    raise SystemExit(exit_code(report))


@command.command(short_help="Serve what `rebuild --no-promote` made.")
@name_argument
def promote(name: str) -> None:
    """Put the next generation of NAME in the place of the one that is served."""

    async def serve(rebuilding: Building) -> None:
        served = await rebuilding.serve("next")
        say(f"{name} is served from its next generation, at sequence {served.sequence:,}")

    _change(name, serve)


@command.command(short_help="Serve again what was served before.")
@name_argument
def rollback(name: str) -> None:
    """Put the previous generation of NAME back in its place, brought up to date first."""

    async def serve(rebuilding: Building) -> None:
        served = await rebuilding.serve("previous")
        say(f"{name} is served from its previous generation, at sequence {served.sequence:,}")

    _change(name, serve)


@command.command(short_help="Apply what could not be applied before.")
@name_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def retry(name: str, *, as_json: bool) -> None:
    """Try the events again that NAME could not apply and had set aside, after a fix.

    Those that are applied are parked no longer; for the others the reason is said. Exit code 3 if
    any stays.
    """
    settings, models = settings_or_exit(), _read_models()

    async def work(log: EventLog, generations: Generations) -> Unparked:
        if name == Leaderboards.name:
            async with leaderboard_server(settings) as valkey:
                return await unpark(log, leaderboards(valkey))
        pool = await open_pool(generations.dsn, application="curvetape projections")
        try:
            served = (await generations.served()).get(name)
            parts = 0 if served is None else len(served.parts)
            return await unpark_parts(log, check_name(models(pool), name), parts)
        finally:
            await pool.close()

    found = _answered(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(retried(found))
    raise SystemExit(EXIT_INCOMPLETE if found.stayed else 0)


command.add_command(compress.command, "compress")
command.add_command(trim.command, "trim")
command.add_command(repartition.command, "repartition")


def _change(name: str, change: Callable[[Building], Awaitable[None]]) -> None:
    settings = settings_or_exit()

    async def work() -> None:
        async with _opened(settings) as (connection, log, generations), AsyncExitStack() as stack:
            teller = Teller(connection, settings)
            stack.callback(teller.close)
            batch_max = settings.project_batch_max
            if name == Leaderboards.name:
                valkey = await stack.enter_async_context(leaderboard_server(settings))
                await change(
                    KeyRebuilding(
                        log,
                        KeyGenerations(valkey, name),
                        partial(leaderboards, valkey),
                        say,
                        batch_max=batch_max,
                        load=key_load_of(settings),
                        tell=teller.tell,
                    )
                )
                return
            await change(
                Rebuilding(
                    log,
                    generations,
                    read_models_of(settings),
                    name,
                    say,
                    batch_max=batch_max,
                    loads=loads_of(settings, generations.dsn),
                    tell=teller.tell,
                )
            )

    run(lambda stop: until_stopped(stop, work()))


async def _standings(
    settings: Settings, models: ReadModels, log: EventLog, generations: Generations
) -> Sequence[Standing]:
    found = list(await standings(log, generations, models))
    if settings.redis_url is not None:
        async with leaderboard_server(settings) as valkey:
            beside = KeyGenerations(valkey, Leaderboards.name)
            found.append(await standing_of(log, beside, Leaderboards.version))
    return found


def _answered(settings: Settings, ask: Callable[[EventLog, Generations], Awaitable[T]]) -> T:
    answers: list[T] = []

    async def work(log: EventLog, generations: Generations) -> None:
        answers.append(await ask(log, generations))

    run(lambda stop: until_stopped(stop, _within(settings, work)))
    if not answers:
        raise SystemExit(1)
    return answers[0]


async def _within(
    settings: Settings, work: Callable[[EventLog, Generations], Awaitable[None]]
) -> None:
    async with _opened(settings) as (_, log, generations):
        await work(log, generations)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Connection, EventLog, Generations]]:
    url = settings.nats_url or NATS_URL
    async with (
        await Connection.open(url, name="curvetape projections") as connection,
        await Generations.open(settings.postgres_dsn or POSTGRES_DSN) as generations,
    ):
        yield connection, log_of(settings, connection), generations


def _print(found: Sequence[Standing]) -> None:
    for each in found:
        click.echo(msgspec.json.encode(each))
