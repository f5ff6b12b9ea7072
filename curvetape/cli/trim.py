"""`curvetape projections trim`: old rows are let go of on purpose."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from adapters.postgres.candle_retention import trim_candles
from adapters.postgres.retention import DAYS_MIN, TrimError, Trimmed, Trimming, trim
from curvetape.bootstrap import POSTGRES_DSN
from curvetape.catching_up import STATUS_WAIT_S, pace
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.config import PREFIX, Settings, SettingsError
from projections.retention import Keeping, keeping

EXIT_CANNOT = 3
CANDLES, TRADES = "candles", "trades"

EPILOG = """\b
Examples:
  curvetape projections trim --older-than-days 30
  curvetape projections trim candles --keep 1s=7 --keep 15s=90
  CURVETAPE_RETAIN_TRADES_DAYS=90 curvetape projections trim trades"""


@click.command(short_help="Let go of what is old, on purpose.", epilog=EPILOG)
@click.argument("names", nargs=-1, type=click.Choice((CANDLES, TRADES)), metavar="[NAME]…")
@click.option(
    "--older-than-days",
    type=click.IntRange(min=DAYS_MIN),
    help="Keep trades that are nearer than this to the newest one; else "
    "CURVETAPE_RETAIN_TRADES_DAYS says.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="INTERVAL=DAYS",
    help="Keep candles of 1s, 5s or 15s for so many days before the newest one; else "
    "CURVETAPE_RETAIN_CANDLES says. One that is not named is kept as the next longer one is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(
    names: tuple[str, ...], older_than_days: int | None, keep: tuple[str, ...], *, as_json: bool
) -> None:
    """Remove the rows of NAME, candles or trades, that are so many days older than its newest one.

    Of candles those of short intervals go; what is longer than the intervals that are named, and
    all of a minute and longer, is kept. Without NAME it does what is said for how long to keep.
    Nothing is removed unless this is called. What was removed is noted, so that comparisons,
    rebuilds and the API take it for no hole. The log keeps all of it. Exit code 3 where somebody
    is just building or comparing.
    """
    settings = settings_or_exit()
    asked = _asked(settings, names, older_than_days, ",".join(keep))
    found: list[Trimmed] = []
    refused: list[str] = []

    async def work() -> None:
        dsn = settings.postgres_dsn or POSTGRES_DSN
        try:
            if asked.candles is not None:
                found.append(await trim_candles(dsn, asked.candles, told=_Teller()))
            if asked.trades_days is not None:
                found.append(
                    await trim(dsn, TRADES, older_than_days=asked.trades_days, told=_Teller())
                )
        except TrimError as error:
            refused.append(str(error))

    run(lambda stop: until_stopped(stop, work()))
    if as_json and (found or not refused):
        click.echo(msgspec.json.encode(found))
    for each in found if not as_json else ():
        click.echo(f"{each.name}: {each.rows:,} rows are removed{_since(each)}")
    for reason in refused:
        click.echo(reason, err=True)
        raise SystemExit(EXIT_CANNOT)


class _Asked(msgspec.Struct, frozen=True):
    """For how long to keep what is to be trimmed; None for what is left alone."""

    candles: Keeping | None
    trades_days: int | None


def _asked(
    settings: Settings, names: Sequence[str], older_than_days: int | None, keep: str
) -> _Asked:
    """What options say, or else settings; without names or options all that settings say."""
    if not names and (keep or older_than_days is not None):
        said = ((CANDLES, keep), (TRADES, older_than_days is not None))
        names = [name for name, is_said in said if is_said]
    if keep and CANDLES not in names:
        raise click.UsageError("--keep is for candles; trades have --older-than-days")
    if older_than_days is not None and TRADES not in names:
        raise click.UsageError("--older-than-days is for trades; candles have --keep")
    # What a setting says of candles is no matter for who asks for trades.
    candles = _keeping(settings, keep) if not names or CANDLES in names else None
    days = settings.retain_trades_days if older_than_days is None else older_than_days
    for name, kept, how in ((CANDLES, candles, _HOW_CANDLES), (TRADES, days, _HOW_TRADES)):
        if name in names and kept is None:
            raise click.UsageError(f"nothing says for how long {name} are kept; {how}")
    if candles is None and days is None:
        raise click.UsageError(
            f"nothing says for how long rows are kept; of trades {_HOW_TRADES}; of candles "
            f"{_HOW_CANDLES}"
        )
    return _Asked(candles, days if not names or TRADES in names else None)


_HOW_CANDLES = "give --keep 1s=7 or set CURVETAPE_RETAIN_CANDLES"
_HOW_TRADES = "give --older-than-days or set CURVETAPE_RETAIN_TRADES_DAYS"


def _keeping(settings: Settings, keep: str) -> Keeping | None:
    text = keep or settings.retain_candles
    if not text:
        return None
    try:
        return keeping(text)
    except ValueError as error:
        named = error if keep else SettingsError(f"{PREFIX}RETAIN_CANDLES", text, str(error))
        raise click.UsageError(str(named)) from error


class _Teller:
    """Says what will go, and every few seconds how far it is."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._said = False

    def __call__(self, of: Trimming) -> None:
        now = time.monotonic()
        if not self._said:
            self._said = True
            what = f"{of.rows:,} rows from before" if of.rows is not None else "what is older than"
            say(f"{of.name}: removing {what} {_moment(of.before_s)}")
            self._began = self._last = now
        elif now - self._last >= STATUS_WAIT_S:
            rows = f"{of.removed:,}" if of.rows is None else f"{of.removed:,} of {of.rows:,}"
            far = [f"{rows} rows removed"]
            if of.pages:  # with TimescaleDB a table may have none of its own
                share = f"{of.pages_done / of.pages:.0%}"
                far.insert(0, f"page {of.pages_done:,} of {of.pages:,} ({share})")
                far.append(pace(of.pages_done, of.pages, now - self._began, unit=" pages"))
            say(f"{of.name}: {', '.join(far)}")
            self._last = now


def _since(of: Trimmed) -> str:
    """From when on all is there, where anything was removed, now or before."""
    since = [f"{name} complete from {_moment(at)}" for name, at in of.intervals_from_s.items()]
    if not since and of.complete_from_s is not None:
        since = [f"complete from {_moment(of.complete_from_s)}"]
    return "".join(f"; {it}" for it in since)


def _moment(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
