"""`curvetape audit slots` and `curvetape audit reserves`: what the log proves about itself."""

from collections.abc import Sequence

import click
from solders.pubkey import Pubkey

from curvetape.cli.audit_options import (
    CODES,
    EXIT_DAMAGED,
    EXIT_INCOMPLETE,
    from_slot_option,
    json_option,
    log_options,
    log_settings,
    made,
    opened,
    print_report,
    rows_option,
)
from curvetape.cli.audit_text import print_reserves, print_slots
from curvetape.cli.audit_walk import reserve_report, slot_report
from projections.audit.breaks import NOT_JUDGED
from projections.audit.reserves import ReserveReport
from projections.audit.slot_report import SlotReport

MINTS_MAX = 100

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


@click.command(epilog=SLOTS_EPILOG)
@log_options
@from_slot_option
@json_option
@rows_option
def slots(
    url: str | None, address: str | None, from_slot: int, *, as_json: bool, rows: int
) -> None:
    """Check each slot's certificate against the log, byte for byte.

    Every certificate is hashed again, its events are counted and hashed again, and it has to name
    the certificate before it and, by slot and hash, the block before it. What has no certificate
    is said: recorded gaps, slots between certificates, and the end that is not final yet.
    """
    settings = log_settings(url, address)

    async def audit() -> SlotReport:
        async with opened(settings) as log:
            return await slot_report(log, from_slot=from_slot)

    report = made(audit)
    print_report(report, as_json=as_json, text=lambda: print_slots(report, rows))
    raise SystemExit(
        {"complete": 0, "incomplete": EXIT_INCOMPLETE}.get(report.verdict, EXIT_DAMAGED)
    )


@click.command(epilog=RESERVES_EPILOG)
@log_options
@from_slot_option
@json_option
@rows_option
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
    address: str | None,
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
    settings = log_settings(url, address)

    async def audit() -> ReserveReport:
        async with opened(settings) as log:
            return await reserve_report(log, mints=mints, from_slot=from_slot)

    report = made(audit)
    print_report(report, as_json=as_json, text=lambda: print_reserves(report, rows))
    raise SystemExit(_code(report, strict=strict))


def _code(report: ReserveReport, *, strict: bool) -> int:
    if report.verdict == "damaged":
        return EXIT_DAMAGED
    unjudged = strict and any(report.breaks.get(cause) for cause in NOT_JUDGED)
    return EXIT_INCOMPLETE if unjudged or report.verdict == "not proven" else 0
