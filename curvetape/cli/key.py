"""`curvetape key`: make a key for the API."""

import click

from api.identity import KeysError, new_key, read_keys


@click.command(
    short_help="Make a key for the API.",
    epilog="Example: curvetape key alice --rate 500",
)
@click.argument("name")
@click.option(
    "--rate", type=click.IntRange(1, 9_999_999), help="Requests a second; else CURVETAPE_API_RATE."
)
def command(name: str, rate: int | None) -> None:
    """Make a key, and print it with what goes into CURVETAPE_API_KEYS.

    The key itself is kept nowhere: give it to whom it is for. The setting has its SHA-256 only.
    """
    key, digest = new_key()
    setting = f"{name}={digest}" + ("" if rate is None else f"@{rate}")
    try:
        read_keys(setting)
    except KeysError as error:
        raise click.BadParameter(
            "letters, digits and ._- it may have, at most 64", param_hint="NAME"
        ) from error
    print(f"key      {key}")
    print(f"setting  {setting}")
    click.echo(
        "add the setting to CURVETAPE_API_KEYS, behind a comma where there are others", err=True
    )
