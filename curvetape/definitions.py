"""Where the log's definitions are: the `nats/` folder of the checkout or of the installed wheel."""

from pathlib import Path


class DefinitionsMissingError(RuntimeError):
    """Neither the checkout nor the installed package has the log's definitions."""


def definitions() -> Path:
    """The folder with `server.conf` and `streams.toml`; the packaged one where there is one."""
    here = Path(__file__).parent
    for folder in (here / "_nats", here.parent / "nats"):
        if (folder / "streams.toml").is_file():
            return folder
    raise DefinitionsMissingError(
        f"no nats/streams.toml in or beside {here}; install the wheel or run from the checkout"
    )
