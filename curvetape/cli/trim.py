"""`curvetape projections trim`: old rows are let go of on purpose."""

import time
from datetime import UTC, datetime

import click
import msgspec

from adapters.postgres.horizons import TRIMMED
from adapters.postgres.retention import DAYS_MIN, TrimError, Trimmed, Trimming, trim
from curvetape.bootstrap import POSTGRES_DSN
from curvetape.catching_up import STATUS_WAIT_S, pace
from curvetape.cli.common import run, say, settings_or_exit, until_stopped

EXIT_CANNOT = 3


EPILOG = """\b
Examples:
  curvetape projections trim --older-than-days 30
  CURVETAPE_RETAIN_TRADES_DAYS=90 curvetape projections trim trades"""


@click.command(short_help="Let go of what is old, on purpose.", epilog=EPILOG)
@click.argument("names", nargs=-1, type=click.Choice(sorted(TRIMMED)), metavar="[NAME]…")
@click.option(
    "--older-than-days",
    type=click.IntRange(min=DAYS_MIN),
    help="Keep what is nearer than this to the newest row; else CURVETAPE_RETAIN_TRADES_DAYS says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(names: tuple[str, ...], older_than_days: int | None, *, as_json: bool) -> None:
    """Remove the rows of NAME that are so many days older than its newest one: trades, for now.

    Nothing is removed unless this is called. What was removed is noted, so that comparisons,
    rebuilds and the API take it for no hole. The log keeps all of it. Exit code 3 where somebody
    is just building or comparing.
    """
    settings = settings_or_exit()
    days = settings.retain_trades_days if older_than_days is None else older_than_days
    if days is None:
        raise click.UsageError(
            "nothing says for how long rows are kept; give --older-than-days or set "
            "CURVETAPE_RETAIN_TRADES_DAYS"
        )
    found: list[Trimmed] = []
    refused: list[str] = []

    async def work() -> None:
        dsn = settings.postgres_dsn or POSTGRES_DSN
        try:
            for name in names or sorted(TRIMMED):
                found.append(await trim(dsn, name, older_than_days=days, told=_Teller()))  # noqa: PERF401  # kept where a later one fails
        except TrimError as error:
            refused.append(str(error))

    run(lambda stop: until_stopped(stop, work()))
    for reason in refused:
        click.echo(reason, err=True)
        raise SystemExit(EXIT_CANNOT)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for each in found:
        since = "" if each.complete_from_s is None else f"; complete from {_time(each)}"
        click.echo(f"{each.name}: {each.rows:,} rows are removed{since}")


class _Teller:
    """Says what will go, and every few seconds how far it is."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def __call__(self, of: Trimming) -> None:
        now = time.monotonic()
        if not of.pages:
            say(f"{of.name}: removing {of.rows:,} rows from before {_moment(of.before_s)}")
            self._began = self._last = now
        elif now - self._last >= STATUS_WAIT_S:
            share = f"page {of.pages_done:,} of {of.pages:,} ({of.pages_done / of.pages:.0%})"
            goes = pace(of.pages_done, of.pages, now - self._began, unit=" pages")
            say(f"{of.name}: {share}, {of.removed:,} of {of.rows:,} rows removed, {goes}")
            self._last = now


def _time(of: Trimmed) -> str:
    assert of.complete_from_s is not None, "something was removed"
    return _moment(of.complete_from_s)


def _moment(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
