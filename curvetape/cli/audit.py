"""`curvetape audit`: whether the log is complete and what is kept beside it agrees, on one page."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import asyncpg
import click
from click.core import ParameterSource

from adapters.address import public
from adapters.postgres.errors import DatabaseUnreachableError
from adapters.postgres.scratch import NoReadModelsError
from adapters.valkey.errors import ServerAddressError, ServerUnreachableError
from curvetape.cli import audit_check
from curvetape.cli.archive_option import archive_or_exit
from curvetape.cli.audit_archive import archive, archive_report
from curvetape.cli.audit_check import Check, Subject, not_judged, not_set_up
from curvetape.cli.audit_log import reserves, slots
from curvetape.cli.audit_models import models, open_scratch, whole_report
from curvetape.cli.audit_options import (
    CODES,
    EXIT_DAMAGED,
    EXIT_INCOMPLETE,
    ROWS,
    from_slot_option,
    json_option,
    log_options,
    log_settings,
    made,
    opened,
    postgres_option,
    print_report,
)
from curvetape.cli.audit_page import overall, print_page, whole
from curvetape.cli.audit_walk import Log, reserve_report, slot_report
from curvetape.cli.common import say
from curvetape.config import Settings
from domain.archive import ArchiveStore
from domain.log import LogError, LogUnavailableError
from projections.projection import ProjectionError

EPILOG = f"""\b
Examples:
  curvetape audit
  curvetape audit --archive s3://bucket/curvetape --postgres postgresql://127.0.0.1/curvetape
  curvetape audit --json | jq .verdict
  curvetape audit slots
  curvetape audit reserves --mint 41QwCG7uZ6YSQ1go2n62cgPKWejuGLegd8C6QuJjpump{CODES}"""


_UNJUDGED = (
    LogError,
    ProjectionError,
    DatabaseUnreachableError,
    ServerAddressError,
    ServerUnreachableError,
    asyncpg.PostgresError,
)
"""What keeps one question from being answered, and none of the others."""


@click.group(
    short_help="Whether the log is complete, and what is kept agrees with it.",
    epilog=EPILOG,
    invoke_without_command=True,
)
@log_options
@postgres_option
@from_slot_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    url: str | None,
    address: str | None,
    dsn: str | None,
    from_slot: int,
    *,
    as_json: bool,
) -> None:
    """Prove that nothing is missing, or say what is: all audits, on one page.

    Two ask the log alone and know nothing of each other: certificates, one for each slot with a
    block, and reserves, which each trade leaves where the next one finds them. The others ask
    whether the archive gives back what was sealed, and the read models what the log gives.
    docs/audits.md says more. Each is a command of its own, with all the details.
    """
    if ctx.invoked_subcommand is not None:
        for name in ctx.params:
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"give the options behind {ctx.invoked_subcommand}")
        return
    settings = log_settings(url, address, postgres_dsn=dsn)
    store = archive_or_exit(settings)
    checks = made(lambda: _all(settings, store, from_slot))
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    assert settings.nats_url is not None, "the options were checked"
    of = public(settings.nats_url)
    print_report(whole(checks), as_json=as_json, text=lambda: print_page(checks, of=of, at=at))
    raise SystemExit(
        {"proven": 0, "incomplete": EXIT_INCOMPLETE}.get(overall(checks), EXIT_DAMAGED)
    )


for each in (slots, reserves, archive, models):
    command.add_command(each)


async def _all(
    settings: Settings, store: ArchiveStore | None, from_slot: int
) -> dict[Subject, Check]:
    """Every check in turn; raises `LogUnavailableError` where the log does not answer."""

    async def certificates() -> Check:
        return audit_check.certificates(await slot_report(log, from_slot=from_slot))

    async def continuing() -> Check:
        return audit_check.reserves(await reserve_report(log, mints=(), from_slot=from_slot))

    async def sealed() -> Check:
        if store is None:
            return not_set_up("archive", "no archive is given or configured")
        return audit_check.archive(await archive_report(store))

    async def replayed() -> Check:
        return await _read_models(settings, log)

    async with opened(settings) as log:
        return {
            "certificates": await _judged("certificates", certificates),
            "reserves": await _judged("reserves", continuing),
            "archive": await _judged("archive", sealed),
            "read models": await _judged("read models", replayed),
        }


async def _judged(subject: Subject, check: Callable[[], Coroutine[Any, Any, Check]]) -> Check:
    say(f"asking the {subject}")
    try:
        return await check()
    except LogUnavailableError:
        raise
    except _UNJUDGED as error:
        return not_judged(subject, str(error))


async def _read_models(settings: Settings, log: Log) -> Check:
    """The check of read models, which need not be there."""
    if settings.postgres_dsn is None:
        return not_set_up("read models", "no database is given or configured")
    try:
        opening = await open_scratch(settings.postgres_dsn)
    except NoReadModelsError as error:
        return not_set_up("read models", str(error))
    async with opening as scratch:
        return audit_check.read_models(await whole_report(settings, log, scratch, ROWS))
