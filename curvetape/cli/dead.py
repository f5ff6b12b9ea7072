"""`curvetape dead`: what could not be used, looked at and tried again."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from adapters.jetstream.connection import Connection
from curvetape.appending import appender
from curvetape.cli.common import EXIT_INTERRUPTED, run, say, settings_or_exit, until_stopped
from curvetape.cli.dead_text import print_letter, print_list, print_outcomes, shown
from curvetape.config import Settings
from curvetape.letters import Choice, Filed, filed
from curvetape.retrying import Outcome, Retry

LIMIT = 50
EXIT_LEFT = 3

C = TypeVar("C", bound=Callable[..., Any])

EPILOG = """\b
Examples:
  curvetape dead list --reason unknown_event
  curvetape dead show '#17'
  curvetape dead retry --all --dry-run"""

LIST_EPILOG = """\b
Examples:
  curvetape dead list
  curvetape dead list --program 6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P --limit 5
  curvetape dead list --slot 461400000..461400999 --json | jq -r '.letters[].id'"""

SHOW_EPILOG = """\b
Examples:
  curvetape dead show '#17'
  curvetape dead show '#17' --json | jq -r .transaction_hex"""

RETRY_EPILOG = """\b
Examples:
  curvetape dead retry --all --dry-run
  curvetape dead retry --reason unknown_event
  curvetape dead retry '#17' '#18'

\b
Exit codes:
  0  every letter that was meant is gone
  3  some are still there, and it was said why
  1  it could not be done"""


@click.group(short_help="What could not be used, and trying it again.", epilog=EPILOG)
def command() -> None:
    """Look at dead letters, and try them again after a fix.

    What concerns us and cannot become an event is kept in the stream DEAD, with its bytes.
    docs/dead-letters.md says more.
    """


def _slots(
    _ctx: click.Context, _parameter: click.Parameter, given: str | None
) -> tuple[int, int] | None:
    if given is None:
        return None
    first, dots, last = given.partition("..")
    try:
        slots = int(first), int(last if dots else first)
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is no slot, and no range such as 100..200") from error
    if not 0 <= slots[0] <= slots[1]:
        raise click.BadParameter(f"{given!r} is no range; the lower slot comes first")
    return slots


def _options(function: C) -> C:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option(
            "--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given."
        ),
    ):
        function = option(function)
    return function


def _choice(function: C) -> C:
    for option in (
        click.option(
            "--slot", "slots", metavar="A..B", callback=_slots, help="Of these slots only."
        ),
        click.option("--program", metavar="ADDRESS", help="Of this program only."),
        click.option("--reason", metavar="REASON", help="For this reason only."),
    ):
        function = option(function)
    return function


@command.command(name="list", epilog=LIST_EPILOG)
@_choice
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=LIMIT,
    show_default=True,
    help="Letters at most; all are counted.",
)
@_options
def list_(
    url: str | None,
    reason: str | None,
    program: str | None,
    slots: tuple[int, int] | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List dead letters, the oldest first, and count them by reason."""
    choice = Choice(reason=reason, program=program, slots=slots)
    found: list[Filed] = []
    reasons: dict[str, int] = {}

    async def work(connection: Connection, _settings: Settings) -> None:
        async for each in filed(connection):
            if choice.takes(each):
                name = str(each.fields.get("reason", "unknown"))
                reasons[name] = reasons.get(name, 0) + 1
                if len(found) < limit:
                    found.append(each)

    _on_server(url, work)
    if as_json:
        letters = [{"sequence": each.sequence} | shown(each, whole=False) for each in found]
        _print_json({"count": sum(reasons.values()), "reasons": reasons, "letters": letters})
    else:
        print_list(found, reasons)


@command.command(epilog=SHOW_EPILOG)
@click.argument("letter_id", metavar="ID")
@_options
def show(url: str | None, letter_id: str, *, as_json: bool) -> None:
    """Show a letter with its bytes, and what can be read of its transaction.

    ID is the letter's id, `#` and its sequence, or its transaction's signature.
    """
    choice = Choice(ids=frozenset((letter_id,)))
    found: list[Filed] = []

    async def work(connection: Connection, _settings: Settings) -> None:
        found.extend([each async for each in filed(connection) if choice.takes(each)])

    _on_server(url, work)
    if not found:
        raise click.ClickException(
            f"there is no dead letter {letter_id!r}; `curvetape dead list` shows all"
        )
    for each in found:
        if as_json:
            _print_json({"sequence": each.sequence} | shown(each, whole=True))
        else:
            print_letter(each)


@command.command(epilog=RETRY_EPILOG)
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@_choice
@click.option("--all", "all_", is_flag=True, help="All letters.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@click.option(
    "--ingest-stopped",
    is_flag=True,
    help="No ingest runs on this log: amend its newest slots, too.",
)
@_options
def retry(
    url: str | None,
    letter_ids: tuple[str, ...],
    reason: str | None,
    program: str | None,
    slots: tuple[int, int] | None,
    *,
    all_: bool,
    dry_run: bool,
    ingest_stopped: bool,
    as_json: bool,
) -> None:
    """Decode letters again with what this version knows.

    What is an event now is appended to the log, and its slot's certificate is amended; then, and
    only then, the letter is deleted. What still is none stays. Can be done again at any time.
    """
    given = letter_ids or reason or program or slots
    if bool(given) == all_:
        raise click.UsageError("say which letters: ids, --reason, --program, --slot, or --all")
    choice = Choice(ids=frozenset(letter_ids), reason=reason, program=program, slots=slots)
    began_s = time.monotonic()
    ended: list[tuple[list[Outcome], int]] = []

    async def work(connection: Connection, settings: Settings) -> None:
        task = Retry(connection, say=say, ingest_stopped=ingest_stopped)
        if dry_run:
            outcomes = await task.run(choice, log=None, dead_letters=None)
        else:
            log = await appender(connection, settings, "PUMP")
            dead_letters = await appender(connection, settings, "DEAD")
            try:
                outcomes = await task.run(choice, log=log, dead_letters=dead_letters)
            finally:
                log.close()
                dead_letters.close()
        ended.append((outcomes, task.left))

    _on_server(url, work)
    ((outcomes, left),) = ended
    took_s = round(time.monotonic() - began_s, 1)
    if as_json:
        _print_json({"dry_run": dry_run, "seconds": took_s, "left": left, "letters": outcomes})
    else:
        print_outcomes(outcomes, left=left, dry_run=dry_run)
    missing = letter_ids and not outcomes
    if missing:
        raise click.ClickException("there is no such letter; `curvetape dead list` shows all")
    gone = all(each.outcome in ("appended", "known") for each in outcomes) and not left
    raise SystemExit(0 if gone else EXIT_LEFT)


def _on_server(url: str | None, work: Callable[[Connection, Settings], Any]) -> None:
    settings = settings_or_exit(nats_url=url)
    address = settings.nats_url
    if address is None:
        raise click.UsageError(
            "no NATS server; give --url or set CURVETAPE_NATS_URL (`up` writes the address of its "
            "own into addresses.json, in its home)"
        )
    ended: list[bool] = []

    async def connected() -> None:
        async with await Connection.open(address, name="curvetape dead") as connection:
            await work(connection, settings)
        ended.append(True)

    run(lambda stop: until_stopped(stop, connected()))
    if not ended:
        raise SystemExit(EXIT_INTERRUPTED)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
