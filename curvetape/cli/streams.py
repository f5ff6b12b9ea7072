"""`curvetape streams`: the log's streams on a server, beside their definitions in `nats/`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from adapters.jetstream import streams
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import DefinitionError, StreamDefinition, load
from curvetape.config import SettingsError
from curvetape.config import load as load_settings
from curvetape.definitions import DefinitionsMissingError, definitions
from domain.log import LogError

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])


EPILOG = """\b
Examples:
  curvetape streams apply --url nats://127.0.0.1:4222
  curvetape streams diff --json"""


@click.group(short_help="The log's streams, beside their definitions.", epilog=EPILOG)
def command() -> None:
    """Create the log's streams, or compare them with their definitions."""


def _options(function: C) -> C:
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    url = click.option(
        "--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given."
    )
    return url(as_json(function))


@command.command()
@_options
def apply(url: str | None, *, as_json: bool) -> None:
    """Create the streams or bring them up to date; doing it again changes nothing.

    Exits with 1 when the server refuses a definition.
    """
    applied = _on_server(url, streams.apply)
    if as_json:
        _print_json(applied)
        return
    for result in applied:
        click.echo(f"{result.stream} {result.outcome}")


@command.command()
@_options
def diff(url: str | None, *, as_json: bool) -> None:
    """Compare the server's streams with the definitions, field by field.

    Exits with 1 when something differs.
    """
    differences = _on_server(url, streams.diff)
    if as_json:
        _print_json(differences)
    elif differences:
        rows = [(it.stream, it.field, str(it.defined), str(it.found)) for it in differences]
        _print_table(("stream", "field", "defined", "found"), rows)
    else:
        click.echo("the streams are as defined")
    raise SystemExit(1 if differences else 0)


@command.command(name="list")
@_options
def list_(url: str | None, *, as_json: bool) -> None:
    """List the server's streams and what they hold."""
    states = _on_server(url, lambda connection, _: streams.states(connection))
    if as_json:
        _print_json(states)
        return
    rows = [
        (it.stream, " ".join(it.subjects), *(f"{number:,}" for number in _counts(it)))
        for it in states
    ]
    _print_table(("stream", "subjects", "messages", "bytes", "first", "last"), rows)


def _counts(state: streams.StreamState) -> tuple[int, ...]:
    return state.messages, state.bytes, state.first_sequence, state.last_sequence


def _on_server(
    url: str | None, work: Callable[[Connection, Sequence[StreamDefinition]], Awaitable[T]]
) -> T:
    try:
        settings = load_settings()
        url = url or settings.nats_url
        if url is None:
            raise click.UsageError("no NATS server; give --url or set CURVETAPE_NATS_URL")
        defined = load(definitions() / "streams.toml", raw_hours=settings.raw_hours)
        return asyncio.run(_connected(url, defined, work))
    except (LogError, DefinitionError, DefinitionsMissingError, SettingsError) as error:
        raise click.ClickException(str(error)) from error


async def _connected(
    url: str,
    defined: Sequence[StreamDefinition],
    work: Callable[[Connection, Sequence[StreamDefinition]], Awaitable[T]],
) -> T:
    async with await Connection.open(url, name="curvetape streams") as connection:
        return await work(connection, defined)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
