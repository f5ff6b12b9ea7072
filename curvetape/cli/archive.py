"""`curvetape archive`: seal the log into Parquet segments, list, verify and fetch them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from adapters.archive.sealing import SEGMENT_EVENTS_MAX
from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.ageing import KEEP_EVENTS, KEEP_EVENTS_MIN, Ageing
from curvetape.archiving import Archiving
from curvetape.cli.archive_option import archive_option, archive_or_exit
from curvetape.cli.audit_options import made
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.verifying import verified
from domain.archive import (
    ArchiveDamagedError,
    ArchiveError,
    ArchiveStore,
    Manifest,
    manifest_bytes,
)

EXIT_DAMAGED = 4

C = TypeVar("C", bound=Callable[..., Any])

EPILOG = """\b
Examples:
  curvetape archive seal --archive /srv/curvetape/archive
  curvetape archive seal --archive s3://bucket/curvetape --follow
  curvetape archive verify --archive s3://bucket/curvetape

\b
Exit codes:
  0  done
  4  the archive is damaged
  1  it could not be done"""


@click.group(short_help="The log's sealed ranges, as Parquet files.", epilog=EPILOG)
def command() -> None:
    """Seal ranges of the log as Parquet segments, each with a manifest that names the one before.

    docs/archive.md says what is in them and how to read them with other programs.
    """


def url_option(function: C) -> C:
    """The option that says where the log is."""
    return click.option(
        "--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given."
    )(function)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


keep_option = click.option(
    "--keep",
    type=click.IntRange(KEEP_EVENTS_MIN),
    default=KEEP_EVENTS,
    show_default=True,
    help="Sealed messages that the stream keeps when it lets go.",
)


@command.command()
@archive_option
@url_option
@click.option("--follow", is_flag=True, help="Go on, and seal whenever a segment is full.")
@click.option("--rest", is_flag=True, help="Also seal what does not fill a segment.")
@click.option(
    "--events",
    type=click.IntRange(1, SEGMENT_EVENTS_MAX * 4),
    default=SEGMENT_EVENTS_MAX,
    show_default=True,
    help="Messages in a segment.",
)
@click.option(
    "--let-go",
    is_flag=True,
    help="Let the stream go of what is sealed, verified, and far enough behind.",
)
@keep_option
def seal(
    address: str | None,
    url: str | None,
    events: int,
    keep: int,
    *,
    follow: bool,
    rest: bool,
    let_go: bool,
) -> None:
    """Seal what is decided and not sealed yet, up to the last whole segment.

    A range is sealed once every slot with events in it is confirmed or abandoned. The segment is
    read back and compared with the log before its manifest is written.
    """
    store = _store(address)

    async def work(stop: asyncio.Event) -> None:
        with store.sealing():
            async with await Connection.open(server(url), name="curvetape archive") as connection:
                ageing = Ageing(connection, store, say, keep=keep)
                await ageing.recover()

                async def sealed(_manifest: Manifest) -> None:
                    if let_go:
                        await ageing.let_go()

                log = JetStreamLog(connection)
                archiving = Archiving(log, store, say, events_max=events, sealed=sealed)
                count = await archiving.once(rest=rest)
                if follow:
                    await archiving.follow(stop)
                elif not count:
                    say("nothing to seal yet; --rest seals what does not fill a segment")

    run(lambda stop: until_stopped(stop, work(stop)))


@command.command(name="let-go")
@archive_option
@url_option
@keep_option
def let_go_(address: str | None, url: str | None, keep: int) -> None:
    """Let the stream go of what is sealed, verified just now, and far enough behind.

    Messages go by whole segments. What an open gap of the log was told by stays.
    """
    store = _store(address)

    async def work() -> None:
        with store.sealing():
            async with await Connection.open(server(url), name="curvetape archive") as connection:
                count = await Ageing(connection, store, say, keep=keep).let_go()
                if not count:
                    say("nothing to let go of")

    run(lambda stop: until_stopped(stop, work()))


@command.command(name="list")
@archive_option
@json_option
def list_(address: str | None, *, as_json: bool) -> None:
    """List the segments; the chain of their manifests is checked on the way."""
    found = _known(_store(address))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("first", "last", "slots", "bytes", "bytes/message", "file"):
        table.add_column(column, overflow="fold")
    for it in found:
        table.add_row(
            f"{it.first_sequence:,}",
            f"{it.last_sequence:,}",
            f"{it.slots.first}-{it.slots.last}",
            f"{it.file_bytes:,}",
            f"{it.file_bytes / it.events:.1f}",
            it.file,
        )
    Console().print(table)


@command.command()
@archive_option
@json_option
def verify(address: str | None, *, as_json: bool) -> None:
    """Check every manifest and every file, and that each gives its messages back byte for byte.

    Exits with 4 at what is damaged.
    """
    store = _store(address)
    found = _known(store)
    report = made(lambda: verified(store, found, say))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        for it in report.damaged:
            click.echo(str(ArchiveDamagedError(it.name, it.reason)))
        for name in report.unlisted:
            click.echo(f"{name} is in no manifest; a sealer that was killed left it, it may go")
        state = "damaged" if report.damaged else "whole"
        click.echo(f"{state}: {report.segments:,} segments up to sequence {report.last_sequence:,}")
    raise SystemExit(EXIT_DAMAGED if report.damaged else 0)


@command.command()
@archive_option
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--from-slot", type=click.IntRange(0), default=0, metavar="SLOT")
@click.option("--to-slot", type=click.IntRange(0), metavar="SLOT")
def fetch(address: str | None, folder: Path, from_slot: int, to_slot: int | None) -> None:
    """Copy the archive into a FOLDER, or those segments that hold some slots.

    All manifests are copied. What is there already is not fetched again.
    """
    store, target = _store(address), FolderStore(folder)
    found = _known(store)
    wanted = [
        it
        for it in found
        if it.slots.last >= from_slot and (to_slot is None or it.slots.first <= to_slot)
    ]
    count = _fetched(store, target, found, wanted)
    click.echo(f"fetched {count:,} of {len(wanted):,} segments into {folder}")


def _fetched(
    store: ArchiveStore, target: FolderStore, found: list[Manifest], wanted: list[Manifest]
) -> int:
    try:
        there = set(target.names("segments"))
        missing = [it for it in wanted if it.file not in there]
        for manifest in missing:
            say(f"fetching {manifest.file}")
            target.put(manifest.file, bytes(chain.content_of(store, manifest)))
        for manifest in found:
            target.put(manifest.name, manifest_bytes(manifest))
    except ArchiveError as error:
        raise click.ClickException(str(error)) from error
    return len(missing)


def server(url: str | None) -> str:
    """The address of the log's server; raises `click.UsageError` where none is known."""
    address = settings_or_exit(nats_url=url).nats_url
    if address is None:
        raise click.UsageError("no NATS server; give --url or set CURVETAPE_NATS_URL")
    return address


def _store(address: str | None) -> ArchiveStore:
    store = archive_or_exit(settings_or_exit(archive_url=address))
    if store is None:
        raise click.UsageError("no archive; give --archive or set CURVETAPE_ARCHIVE_URL")
    return store


def _known(store: ArchiveStore) -> list[Manifest]:
    try:
        return chain.manifests(store)
    except ArchiveDamagedError as error:
        click.echo(str(error), err=True)
        raise SystemExit(EXIT_DAMAGED) from error
    except ArchiveError as error:
        raise click.ClickException(str(error)) from error
