"""What a server's refusals and silences mean."""

import redis.exceptions as theirs

from adapters.address import public

ANY = (theirs.RedisError, OSError)
"""All that can go wrong in talking to the server."""

_PERMANENT = (theirs.AuthenticationError, theirs.AuthorizationError)
"""Connections that will never be made, although they are told to be errors of connections."""

_TRANSIENT = (
    OSError,
    theirs.ConnectionError,
    theirs.TimeoutError,
    theirs.OutOfMemoryError,
    theirs.ReadOnlyError,
    theirs.ClusterDownError,
    theirs.TryAgainError,
)
"""The server is away, loading, full, or about to change places with its replica."""

_TRANSIENT_CODES = ("MISCONF", "BUSY", "NOREPLICAS")
"""It cannot write its file, runs somebody's long script, or waits for its replicas."""


class ServerAddressError(Exception):
    """What should be the address of a Redis or Valkey is none."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"{public(address)} is no address of a Redis or Valkey: {reason}; "
            "check CURVETAPE_REDIS_URL"
        )
        self.reason = reason


class ServerUnreachableError(Exception):
    """The server did not answer what it was asked, or refused."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the server of CURVETAPE_REDIS_URL did not answer: {reason}")


def is_transient(error: BaseException) -> bool:
    """Whether the same command may work a little later."""
    if isinstance(error, _PERMANENT):
        return False
    return isinstance(error, _TRANSIENT) or str(error).startswith(_TRANSIENT_CODES)
