"""Why a stream ended, and what that means for the next one."""

from enum import Enum, auto

import grpc

from adapters.yellowstone.endpoint import EndpointError

_Code = grpc.StatusCode


class Remedy(Enum):
    """What to do after a failure."""

    RETRY = auto()
    """Connect again, later."""
    START_LATER = auto()
    """The slot asked for is not available: ask what is."""
    GIVE_UP = auto()
    """Only a person can help."""


_ADVICE = {
    _Code.UNAUTHENTICATED: "it refuses the token; set the one that its provider gave you",
    _Code.PERMISSION_DENIED: "it does not allow this; check the token and the plan it belongs to",
    _Code.UNIMPLEMENTED: "it does not speak Yellowstone gRPC; check address and port",
    _Code.INVALID_ARGUMENT: "it refuses the subscription",
}
_REPLAY = ("from_slot", "from slot", "last available")


def remedy(error: grpc.aio.AioRpcError) -> Remedy:
    """Sort a failure by its status; in doubt another try is made."""
    details = (error.details() or "").lower()
    if error.code() == _Code.OUT_OF_RANGE:
        return Remedy.START_LATER
    # Other servers refuse a slot that is too old with other codes; their words tell.
    refusing = error.code() in {_Code.INVALID_ARGUMENT, _Code.INTERNAL, _Code.UNIMPLEMENTED}
    if refusing and any(word in details for word in _REPLAY):
        return Remedy.START_LATER
    return Remedy.GIVE_UP if error.code() in _ADVICE else Remedy.RETRY


def final(url: str, error: grpc.aio.AioRpcError) -> EndpointError:
    """The error for a person, from a failure that cannot be mended by trying again."""
    return EndpointError(url, f"{_ADVICE[error.code()]} ({sentence(error)})")


def sentence(error: grpc.aio.AioRpcError) -> str:
    """The status in words."""
    return f"{error.code().name}: {error.details() or 'no details'}"
