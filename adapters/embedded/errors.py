"""How an embedded server can fail to run."""

from collections.abc import Sequence
from pathlib import Path


class EmbeddedServerError(Exception):
    """An embedded server could not be started or stopped."""


class FolderInUseError(EmbeddedServerError):
    """Another server runs on the folder; two on one folder would destroy its data."""

    def __init__(self, folder: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{folder} is in use by {who}; stop that one or use another folder")
        self.folder = folder
        self.holder = holder


class NotReadyError(EmbeddedServerError):
    """A server ended, or did not answer in time; its last log lines say why."""

    def __init__(self, name: str, what: str, log: Path, lines: Sequence[str]) -> None:
        shown = "\n".join(f"  {line}" for line in lines) or "  (the log is empty)"
        super().__init__(f"{name} {what}; the end of {log}:\n{shown}")
        self.name = name
        self.log = log


class PortTakenError(EmbeddedServerError):
    """The port that was asked for belongs to somebody else."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"{name} was to listen on port {port}, which is taken; choose another")
        self.name = name
        self.port = port
