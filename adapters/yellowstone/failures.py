"""Why a stream ended, and what that means for the next one."""

import re
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
    READ_METAS = auto()
    """Filtered blocks are not to be had: ask for block metas and transactions."""
    GIVE_UP = auto()
    """Only a person can help."""


_ADVICE = {
    _Code.UNAUTHENTICATED: "it refuses the token; set the one that its provider gave you",
    _Code.PERMISSION_DENIED: "it does not allow this; check the token and the plan it belongs to",
    _Code.UNIMPLEMENTED: "it does not speak Yellowstone gRPC; check address and port",
    _Code.INVALID_ARGUMENT: "it refuses the subscription",
}
_REPLAY = ("from_slot", "from slot", "last available")
_BLOCKS = re.compile(r"\bblocks?\b")
_COMPRESSED = re.compile(r"compression algorithm|grpc-encoding")
_UNWANTED = "is disabled"
_UNWANTED_ADVICE = (
    "it compresses though it was asked not to; take compression=none out of its address"
)
_UNKNOWN_ADVICE = (
    "it compresses in a way that is not known here (gzip and deflate are, zstd is not) and was not "
    "asked for; ask its provider to honour grpc-accept-encoding, or use another endpoint"
)


def remedy(error: grpc.aio.AioRpcError) -> Remedy:
    """Sort a failure by its status; in doubt another try is made."""
    code, details = error.code(), (error.details() or "").lower()
    if code == _Code.OUT_OF_RANGE:
        return Remedy.START_LATER
    # Other servers refuse a slot that is too old with other codes; their words tell.
    refusing = code in {_Code.INVALID_ARGUMENT, _Code.INTERNAL, _Code.UNIMPLEMENTED}
    if refusing and any(word in details for word in _REPLAY):
        return Remedy.START_LATER
    if _badly_compressed(error):
        return Remedy.GIVE_UP
    refusing = code in {_Code.INVALID_ARGUMENT, _Code.PERMISSION_DENIED, _Code.UNIMPLEMENTED}
    if refusing and _BLOCKS.search(details):
        return Remedy.READ_METAS
    return Remedy.GIVE_UP if code in _ADVICE else Remedy.RETRY


def final(url: str, error: grpc.aio.AioRpcError) -> EndpointError:
    """The error for a person, from a failure that cannot be mended by trying again."""
    if not _badly_compressed(error):
        advice = _ADVICE[error.code()]
    elif _UNWANTED in (error.details() or ""):
        advice = _UNWANTED_ADVICE
    else:
        advice = _UNKNOWN_ADVICE
    return EndpointError(url, f"{advice} ({sentence(error)})")


def sentence(error: grpc.aio.AioRpcError) -> str:
    """The status in words."""
    return f"{error.code().name}: {error.details() or 'no details'}"


def _badly_compressed(error: grpc.aio.AioRpcError) -> bool:
    refusing = error.code() in {_Code.INTERNAL, _Code.UNIMPLEMENTED}
    return refusing and _COMPRESSED.search((error.details() or "").lower()) is not None
