"""The command line: one module per command, imported only when it is called."""

from importlib import import_module
from typing import ClassVar

import click


class _Commands(click.Group):
    """Commands by name; a start-up pays for one command's imports, not for all."""

    modules: ClassVar[dict[str, str]] = {
        "up": "curvetape.cli.up",
        "ingest": "curvetape.cli.ingest",
        "project": "curvetape.cli.project",
        "serve": "curvetape.cli.serve",
        "describe": "curvetape.cli.describe",
        "simulate": "curvetape.cli.simulate",
        "decode": "curvetape.cli.decode",
        "audit": "curvetape.cli.audit",
        "projections": "curvetape.cli.projections",
        "dead": "curvetape.cli.dead",
        "redecode": "curvetape.cli.redecode",
        "archive": "curvetape.cli.archive",
        "replay": "curvetape.cli.replay",
        "explain": "curvetape.cli.explain",
        "streams": "curvetape.cli.streams",
        "key": "curvetape.cli.key",
        "settings": "curvetape.cli.settings",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they are usually met."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command; each has one named `command`."""
        if cmd_name not in self.modules:
            return None
        command = import_module(self.modules[cmd_name]).command
        assert isinstance(command, click.Command), f"{cmd_name} has no click command"
        return command


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="curvetape")
def main() -> None:
    """Analytics for pump.fun tokens whose every number can be proven."""
