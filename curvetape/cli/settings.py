"""`curvetape settings`: every setting, its default and what it is now."""

import json

import click
from rich.console import Console
from rich.table import Table

from curvetape.cli.common import settings_or_exit
from curvetape.config import PREFIX, table

SECRET = (
    "CURVETAPE_ARCHIVE_URL",
    "CURVETAPE_YELLOWSTONE_TOKEN",
    "CURVETAPE_NATS_URL",
    "CURVETAPE_POSTGRES_DSN",
    "CURVETAPE_REDIS_URL",
    "CURVETAPE_MEILI_URL",
    "CURVETAPE_MEILI_KEY",
    "CURVETAPE_API_KEYS",
)
"""What is a token, or may have a password in it."""


@click.command(
    short_help="Every setting and what it is now.",
    epilog="Example: CURVETAPE_API_PORT=9000 curvetape settings",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(as_json: bool) -> None:
    """Show every setting: its variable, its value here and its meaning.

    Settings are read from the environment. Tokens and passwords are not shown.
    """
    settings = settings_or_exit()
    rows = []
    for variable, default, meaning in table():
        value = getattr(settings, variable.removeprefix(PREFIX).lower())
        shown = "" if value is None else "(set)" if variable in SECRET else str(value)
        rows.append((variable, shown, default, meaning))
    if as_json:
        print(json.dumps({variable: shown or None for variable, shown, _, _ in rows}))
        return
    printed = Table("variable", "value", "default", "meaning", box=None, pad_edge=False)
    for row in rows:
        printed.add_row(*row)
    Console().print(printed)
