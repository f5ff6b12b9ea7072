"""What all audits share: their options, their exit codes, and how each is run."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
import msgspec

from adapters.jetstream.connection import Connection
from curvetape.archives import log_of
from curvetape.cli.archive_option import archive_option, archive_or_exit
from curvetape.cli.audit_walk import Log
from curvetape.cli.common import EXIT_INTERRUPTED, run, settings_or_exit, until_stopped
from curvetape.config import Settings

ROWS = 20

EXIT_INCOMPLETE = 3
EXIT_DAMAGED = 4

CODES = """

\b
Exit codes:
  0  all of it is proven
  3  something is missing, or cannot be proven
  4  something contradicts itself or what it was made from, or cannot be read
  1  the audit could not be made"""

C = TypeVar("C", bound=Callable[..., Any])
T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
rows_option = click.option(
    "--rows",
    type=click.IntRange(1),
    default=ROWS,
    show_default=True,
    help="Rows of each table at most.",
)
from_slot_option = click.option(
    "--from-slot",
    type=click.IntRange(0),
    default=0,
    metavar="SLOT",
    help="Leave out what is about earlier slots.",
)
postgres_option = click.option(
    "--postgres",
    "dsn",
    metavar="DSN",
    help="The read models; CURVETAPE_POSTGRES_DSN where not given.",
)


def log_options(function: C) -> C:
    """The options that say where the log is: a server, and the archive of what it has let go."""
    url = click.option(
        "--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given."
    )
    return url(archive_option(function))


def log_settings(url: str | None, address: str | None, **overrides: str | None) -> Settings:
    """The settings with what the options say; raises `click.UsageError` where no log is known."""
    settings = settings_or_exit(nats_url=url, archive_url=address, **overrides)
    archive_or_exit(settings)
    if settings.nats_url is None:
        raise click.UsageError(
            "no NATS server; give --url or set CURVETAPE_NATS_URL (`up` writes the address of its "
            "own into addresses.json, in its home)"
        )
    return settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Log]:
    """The log that the settings name, read through its archive where there is one."""
    assert settings.nats_url is not None, "the options were checked"
    async with await Connection.open(settings.nats_url, name="curvetape audit") as connection:
        yield log_of(settings, connection)


def made(audit: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What an audit found; ends the program where it was stopped before it found all."""
    found: list[T] = []

    async def work() -> None:
        found.append(await audit())

    run(lambda stop: until_stopped(stop, work()))
    if not found:
        raise SystemExit(EXIT_INTERRUPTED)
    return found[0]


def print_report(report: object, *, as_json: bool, text: Callable[[], None]) -> None:
    """The report as one JSON object, or as text."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        text()
