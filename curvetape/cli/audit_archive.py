"""`curvetape audit archive`: whether what was sealed can be had back."""

import click

from curvetape.cli.archive_option import archive_option, archive_or_exit
from curvetape.cli.audit_options import (
    CODES,
    EXIT_DAMAGED,
    EXIT_INCOMPLETE,
    json_option,
    made,
    print_report,
    rows_option,
)
from curvetape.cli.audit_text import print_archive
from curvetape.cli.common import say, settings_or_exit
from domain.archive import ArchiveStore
from projections.audit.archive_report import ArchiveReport

EPILOG = f"""\b
Examples:
  curvetape audit archive --archive /srv/curvetape/archive
  curvetape audit archive --archive s3://bucket/curvetape --json | jq .damaged{CODES}"""


@click.command(epilog=EPILOG)
@archive_option
@json_option
@rows_option
def archive(address: str | None, *, as_json: bool, rows: int) -> None:
    """Check that the archive gives back what was sealed, byte for byte.

    Every manifest has to name the one before it by its hash, every file has to have the hash that
    its manifest names, and the messages that are read from it have to have theirs. No server is
    asked.
    """
    store = archive_or_exit(settings_or_exit(archive_url=address))
    if store is None:
        raise click.UsageError("no archive; give --archive or set CURVETAPE_ARCHIVE_URL")
    report = made(lambda: archive_report(store))
    print_report(report, as_json=as_json, text=lambda: print_archive(report, rows))
    raise SystemExit({"whole": 0, "empty": EXIT_INCOMPLETE}.get(report.verdict, EXIT_DAMAGED))


async def archive_report(store: ArchiveStore) -> ArchiveReport:
    """What reading the archive back found; raises `ArchiveError` where that cannot be done."""
    from curvetape.verifying import audited  # noqa: PLC0415  # it takes 50 MB; others do without

    return await audited(store, say)
