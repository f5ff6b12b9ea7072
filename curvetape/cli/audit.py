"""`curvetape audit`: what the log proves about itself, and where it does not."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec
from solders.pubkey import Pubkey

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.cli.audit_text import print_reserves, print_slots
from curvetape.cli.audit_walk import walk_certificates, walk_reserves
from curvetape.cli.common import EXIT_INTERRUPTED, run, say, settings_or_exit, until_stopped
from projections.audit.breaks import NOT_JUDGED
from projections.audit.certificates import Certificates
from projections.audit.reserves import ReserveReport, Reserves
from projections.audit.slot_report import SlotReport

MINTS_MAX = 100
ROWS = 20

EXIT_INCOMPLETE = 3
EXIT_DAMAGED = 4

C = TypeVar("C", bound=Callable[..., Any])

EPILOG = """\b
Examples:
  curvetape audit slots
  curvetape audit reserves --mint 41QwCG7uZ6YSQ1go2n62cgPKWejuGLegd8C6QuJjpump"""

CODES = """

\b
Exit codes:
  0  all of it is proven
  3  something is missing, or cannot be proven
  4  the log contradicts itself, or cannot be read
  1  the audit could not be made"""

SLOTS_EPILOG = f"""\b
Examples:
  curvetape audit slots
  curvetape audit slots --from-slot 461400000
  curvetape audit slots --json | jq .verdict{CODES}"""

RESERVES_EPILOG = f"""\b
Examples:
  curvetape audit reserves
  curvetape audit reserves --mint 41QwCG7uZ6YSQ1go2n62cgPKWejuGLegd8C6QuJjpump
  curvetape audit reserves --json | jq '.worst[] | select(.cause == "missing")'{CODES}"""


@click.group(short_help="Whether the log is complete, and where not.", epilog=EPILOG)
def command() -> None:
    """Prove from the log alone that nothing is missing in it, or say what is.

    Two proofs that know nothing of each other: certificates, one for each slot with a block, and
    reserves, which each trade leaves where the next one finds them. docs/audits.md says more.
    """


def _mint(_ctx: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> Sequence[str]:
    if len(given) > MINTS_MAX:
        raise click.BadParameter(f"{len(given)} mints were given, at most {MINTS_MAX} can be")
    for mint in given:
        try:
            Pubkey.from_string(mint)
        except ValueError as error:
            raise click.BadParameter(
                f"{mint!r} is no address; a mint is 32 bytes in base58"
            ) from error
    return given


def _options(function: C) -> C:
    for option in (
        click.option(
            "--rows",
            type=click.IntRange(1),
            default=ROWS,
            show_default=True,
            help="Rows of each table at most.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option(
            "--from-slot",
            type=click.IntRange(0),
            default=0,
            metavar="SLOT",
            help="Leave out what is about earlier slots.",
        ),
        click.option(
            "--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given."
        ),
    ):
        function = option(function)
    return function


@command.command(epilog=SLOTS_EPILOG)
@_options
def slots(url: str | None, from_slot: int, *, as_json: bool, rows: int) -> None:
    """Check each slot's certificate against the log, byte for byte.

    Every certificate is hashed again, its events are counted and hashed again, and it has to name
    the certificate before it and, by slot and hash, the block before it. What has no certificate
    is said: recorded gaps, slots between certificates, and the end that is not final yet.
    """
    walked: list[Certificates] = []

    async def audit(log: JetStreamLog) -> None:
        walk = Certificates(from_slot=from_slot)
        await walk_certificates(log, walk)
        if keep := frozenset(walk.again):
            say(f"reading again for {len(keep):,} slots whose certificates came late")
            walk = Certificates(from_slot=from_slot, keep=keep)
            await walk_certificates(log, walk)
        walked.append(walk)

    _run(url, audit)
    if not walked:
        raise SystemExit(EXIT_INTERRUPTED)
    report = walked[0].report()
    _print(report, as_json=as_json, text=lambda: print_slots(report, rows))
    raise SystemExit(
        {"complete": 0, "incomplete": EXIT_INCOMPLETE}.get(report.verdict, EXIT_DAMAGED)
    )


@command.command(epilog=RESERVES_EPILOG)
@_options
@click.option(
    "--mint",
    "mints",
    metavar="MINT",
    multiple=True,
    callback=_mint,
    help="Audit this token only; may be given more than once. Only its events are read.",
)
@click.option("--strict", is_flag=True, help="Let what cannot be judged count as not proven.")
def reserves(
    url: str | None,
    from_slot: int,
    mints: Sequence[str],
    *,
    as_json: bool,
    rows: int,
    strict: bool,
) -> None:
    """Check that in every curve and pool each event continues the one before it.

    Trades say what is in their curve or pool. So where one is missing, the next one finds other
    reserves than the last one left: both are named, and what happened in between. Looked at is
    only what counts: events of slots with a certificate, and of logs from before certificates.
    """
    walked: list[Reserves] = []

    async def audit(log: JetStreamLog) -> None:
        walk = Reserves(mints=mints, from_slot=from_slot)
        await walk_reserves(log, walk, mints)
        if late := walk.late:
            say(f"reading again without what was taken back late in {len(late):,} slots")
            walk = Reserves(mints=mints, from_slot=from_slot, retractions=late)
            await walk_reserves(log, walk, mints)
        walked.append(walk)

    _run(url, audit)
    if not walked:
        raise SystemExit(EXIT_INTERRUPTED)
    report = walked[0].report()
    _print(report, as_json=as_json, text=lambda: print_reserves(report, rows))
    raise SystemExit(_reserves_code(report, strict=strict))


def _reserves_code(report: ReserveReport, *, strict: bool) -> int:
    if report.verdict == "damaged":
        return EXIT_DAMAGED
    unjudged = strict and any(report.breaks.get(cause) for cause in NOT_JUDGED)
    return EXIT_INCOMPLETE if unjudged or report.verdict == "not proven" else 0


def _run(url: str | None, audit: Callable[[JetStreamLog], Any]) -> None:
    settings = settings_or_exit(nats_url=url)
    address = settings.nats_url
    if address is None:
        raise click.UsageError(
            "no NATS server; give --url or set CURVETAPE_NATS_URL (`up` writes the address of its "
            "own into addresses.json, in its home)"
        )

    async def work() -> None:
        async with await Connection.open(address, name="curvetape audit") as connection:
            await audit(JetStreamLog(connection))

    run(lambda stop: until_stopped(stop, work()))


def _print(report: ReserveReport | SlotReport, *, as_json: bool, text: Callable[[], None]) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        text()
