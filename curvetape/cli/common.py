"""What several commands share: reading settings, saying things, ending with a clear sentence."""

import sys
import time
from typing import Any

import click
import msgspec

from curvetape.config import Settings, SettingsError, load


def settings_or_exit(**overrides: Any) -> Settings:
    """The settings, with those options that were given on the command line put over them."""
    try:
        settings = load()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    given = {field: value for field, value in overrides.items() if value is not None}
    return msgspec.structs.replace(settings, **given)


def say(line: str) -> None:
    """One line for the person who watches, on standard error, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
