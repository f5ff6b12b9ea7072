"""What the module is told through the environment of an application."""

import re
from dataclasses import dataclass
from typing import Self

from eventsourcing.utils import Environment, strtobool

WAIT_S = 10.0
"""What one call may take, retries and all, where the environment does not say."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Settings:
    """Where events go; made from the environment by `read`."""

    url: str
    """`nats://` and the server's address; several are separated by commas."""
    stream: str
    application: str
    """The second part of every subject: what one application stores is its own."""
    credentials: str | None
    """A file with the user's JWT and seed, where the server asks for one."""
    replicas: int
    wait_s_max: float

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read the environment; raises `OSError`, as the library's own modules do."""
        url = env.get("JETSTREAM_URL")
        if not url:
            keys = ", ".join(env.create_keys("JETSTREAM_URL"))
            raise OSError(f"the server's address was not set; set one of {keys}")
        stream = env.get("JETSTREAM_STREAM", "EVENTS")
        if _NAME.fullmatch(stream) is None:
            raise OSError(f"JETSTREAM_STREAM has to be letters, digits, - and _, was {stream!r}")
        replicas = env.get("JETSTREAM_REPLICAS", "1")
        if replicas not in {"1", "2", "3", "4", "5"}:
            raise OSError(f"JETSTREAM_REPLICAS has to be 1 to 5, was {replicas!r}")
        return cls(
            url=url,
            stream=stream,
            application=re.sub(r"[^a-z0-9_-]", "_", env.name.lower()) or "_",
            credentials=env.get("JETSTREAM_CREDENTIALS") or None,
            replicas=int(replicas),
            wait_s_max=_seconds(env.get("JETSTREAM_TIMEOUT", str(WAIT_S))),
        )

    @property
    def prefix(self) -> str:
        """How all subjects of the stream begin."""
        return self.stream.lower()

    def subject(self, purpose: str) -> str:
        """How all subjects of the application and the purpose begin."""
        if _NAME.fullmatch(purpose) is None:
            raise ValueError(f"a purpose has to be letters, digits, - and _, was {purpose!r}")
        return f"{self.prefix}.{self.application}.{purpose}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise OSError(f"JETSTREAM_TIMEOUT has to be seconds above 0, was {text!r}")
    return seconds


def creates(env: Environment) -> bool:
    """Whether a stream that is not there shall be made: `CREATE_TABLE`, yes by default."""
    return bool(strtobool(env.get("CREATE_TABLE", "yes") or "yes"))
