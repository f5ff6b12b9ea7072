"""`curvetape redecode`: raw blocks through today's decoder, beside what the log holds."""

import click
import msgspec

from adapters.jetstream.connection import Connection
from curvetape.appending import appender
from curvetape.cli.common import EXIT_INTERRUPTED, run, say, settings_or_exit, until_stopped
from curvetape.raw_reading import is_kept
from curvetape.redecoding import Difference, Redecoding, Report
from domain.position import LAST_SLOT

ROWS = 20
EXIT_DIFFERENT = 3

EPILOG = """\b
Examples:
  curvetape redecode
  curvetape redecode --from-slot 461400000 --to-slot 461400999 --json
  curvetape redecode --apply

\b
Exit codes:
  0  the log holds what the decoder says today
  3  there are differences
  1  it could not be done"""


@click.command(short_help="Raw blocks decoded again, beside the log.", epilog=EPILOG)
@click.option(
    "--from-slot", type=click.IntRange(0), default=0, metavar="SLOT", help="From this slot on."
)
@click.option(
    "--to-slot",
    type=click.IntRange(0),
    default=LAST_SLOT,
    metavar="SLOT",
    help="Up to this slot, itself included.",
)
@click.option("--apply", is_flag=True, help="Append what the log lacks; nothing is ever edited.")
@click.option(
    "--ingest-stopped",
    is_flag=True,
    help="No ingest runs on this log: amend its newest slots, too.",
)
@click.option(
    "--rows", type=click.IntRange(1), default=ROWS, show_default=True, help="Differences shown."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given.")
def command(
    from_slot: int,
    to_slot: int,
    url: str | None,
    rows: int,
    *,
    apply: bool,
    ingest_stopped: bool,
    as_json: bool,
) -> None:
    """Decode the blocks that RAW keeps with this version, and compare them with the log.

    Says what the log lacks, what it has alone, and what it has in other words, field by field
    (when something was received does not count). Needs CURVETAPE_RAW_HOURS to have been set while
    ingest ran. docs/dead-letters.md says more.
    """
    settings = settings_or_exit(nats_url=url)
    address = settings.nats_url
    if address is None:
        raise click.UsageError("no NATS server; give --url or set CURVETAPE_NATS_URL")
    if to_slot < from_slot:
        raise click.UsageError(f"--to-slot {to_slot} is before --from-slot {from_slot}")
    ended: list[Report] = []

    async def work() -> None:
        async with await Connection.open(address, name="curvetape redecode") as connection:
            if not await is_kept(connection):
                raise click.ClickException(
                    "no raw blocks are kept on this server; set CURVETAPE_RAW_HOURS, then "
                    "`curvetape streams apply`, and start ingest again"
                )
            task = Redecoding(connection, say=say, ingest_stopped=ingest_stopped)
            log = await appender(connection, settings, "PUMP") if apply else None
            try:
                ended.append(await task.run(from_slot, to_slot, log=log))
            finally:
                if log is not None:
                    log.close()

    run(lambda stop: until_stopped(stop, work()))
    if not ended:
        raise SystemExit(EXIT_INTERRUPTED)
    (report,) = ended
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        _print(report, rows)
    raise SystemExit(EXIT_DIFFERENT if report.differs else 0)


def _print(report: Report, rows: int) -> None:
    print(
        f"{report.slots:,} slots with {report.events:,} events compared: {report.missing:,} "
        f"missing in the log, {report.appended:,} of them appended, "
        f"{report.only_in_log:,} only in the log, {report.changed:,} different"
    )
    for count, what in (
        (report.other_blocks, "slots for which another block was sealed"),
        (report.unsealed, "slots without a certificate, not compared"),
        (report.partial, "slots of which RAW has dropped a part, not compared"),
    ):
        if count:
            print(f"{count:,} {what}")
    for each in report.details[:rows]:
        _print_difference(each)
    count = report.missing + report.only_in_log + report.changed + report.other_blocks
    if count > rows:
        print(f"and {count - rows:,} more; --rows shows them, --json up to 1,000")


def _print_difference(each: Difference) -> None:
    at = "" if each.sequence is None else f" at sequence {each.sequence}"
    print(f"slot {each.slot}: {each.what}: {each.id}{at}")
    for name, (held, today) in each.fields.items():
        print(f"  {name}: the log says {held!r}, the decoder {today!r}")
    if each.why:
        print(f"  not appended: {each.why}")
