"""The option `--archive`, and the store that it or the environment names."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from curvetape.archives import archive_of
from curvetape.config import Settings
from domain.archive import ArchiveError, ArchiveStore

C = TypeVar("C", bound=Callable[..., Any])


def archive_option(function: C) -> C:
    """The option that says where the archive is, as `address`; put it over `archive_url`."""
    return click.option(
        "--archive",
        "address",
        metavar="ADDRESS",
        help="The archive: a folder, or an object store as in s3://bucket/prefix; "
        "CURVETAPE_ARCHIVE_URL where not given.",
    )(function)


def archive_or_exit(settings: Settings) -> ArchiveStore | None:
    """The configured archive; raises `click.UsageError` for what is no address of one."""
    try:
        return archive_of(settings)
    except ArchiveError as error:
        raise click.UsageError(str(error)) from error
