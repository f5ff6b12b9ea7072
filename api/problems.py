"""Every error that the API answers with, as problem details (RFC 9457)."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

import falcon
import falcon.asgi
import msgspec
from msgspec import UNSET, UnsetType

from projections.reads import ReadsUnavailableError

MEDIA_PROBLEM = "application/problem+json"
RETRY_AFTER_S = 2

_log = logging.getLogger("curvetape.api")
_encoder = msgspec.json.Encoder()


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem; its `type` is an address that explains it, relative to the API's own."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        """What tells a program which kind it is."""
        return f"/#{self.name}"


PARAMETER_UNKNOWN = Kind(
    "parameter-unknown",
    400,
    "There is no such parameter",
    "The query had a parameter that this resource does not know, most often a misspelt one; "
    "`known` lists those that it does.",
)
PARAMETER_INVALID = Kind(
    "parameter-invalid",
    400,
    "A parameter has a value that it cannot have",
    "`parameter` names it and `detail` says what it should look like.",
)
REQUEST_INVALID = Kind(
    "request-invalid",
    400,
    "The request is not one that HTTP allows",
    "Its method, line or headers could not be understood.",
)
MINT_UNKNOWN = Kind(
    "mint-unknown",
    404,
    "The mint is not known",
    "No event in the log has named it, up to the position in Curvetape-Position. A token that is "
    "known but has not traded has empty lists instead.",
)
WALLET_UNKNOWN = Kind(
    "wallet-unknown",
    404,
    "The wallet is not known",
    "No trade in the log is of it, up to the position in Curvetape-Position. What it did besides "
    "trading is not looked at.",
)
TRANSACTION_UNKNOWN = Kind(
    "transaction-unknown",
    404,
    "The transaction is not known",
    "No event of it is in what was looked through. Either it concerns no program that is read, or "
    "it failed, or its slot is missing, which `/api/v1/slots/{slot}` tells.",
)
ROUTE_UNKNOWN = Kind(
    "route-unknown", 404, "There is nothing here", "No resource has this path; see /openapi.json."
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed",
    405,
    "The resource cannot do that",
    "The header Allow lists the methods that it has.",
)
NOT_ACCEPTABLE = Kind(
    "not-acceptable",
    406,
    "The answer would be JSON",
    "The header Accept excluded application/json, which is all that there is.",
)
TOO_SLOW = Kind(
    "too-slow", 408, "The request took too long to arrive", "All of it has to come in good time."
)
CONTENT_REFUSED = Kind(
    "content-refused",
    413,
    "The request has content",
    "No resource takes any; parameters go into the address.",
)
ADDRESS_TOO_LONG = Kind(
    "address-too-long", 414, "The address is too long", "Path and query together have a limit."
)
HEADERS_TOO_LARGE = Kind(
    "headers-too-large", 431, "The request's headers are too large", "All of them have a limit."
)
KEY_INVALID = Kind(
    "key-invalid",
    401,
    "A key is missing or not known",
    "This server answers those only whose key it knows, or was sent a key that it does not know. "
    "A key is sent as X-API-Key, or as Authorization: Bearer.",
)
TOO_MANY_REQUESTS = Kind(
    "too-many-requests",
    429,
    "There were too many requests",
    "A caller may make as many requests a second as RateLimit-Limit says. Retry-After says when to "
    "go on; who does not heed it is blocked for a while.",
)
INTERNAL = Kind(
    "internal",
    500,
    "Something went wrong here",
    "This is a bug; `id` finds its trace in the API's log.",
)
UNAVAILABLE = Kind(
    "unavailable",
    503,
    "The read models do not answer",
    "Their store is down or overloaded; ask again after the seconds in Retry-After.",
)
NOT_READY = Kind(
    "not-ready", 503, "The API is not ready", "`reasons` says what is missing or cannot be known."
)
NOT_KEPT = Kind(
    "not-kept",
    503,
    "This read model is not kept here",
    "Leaderboards need a Redis or Valkey: `CURVETAPE_REDIS_URL` names it, for `curvetape project` "
    "and for `curvetape serve`.",
)
NOT_YET = Kind(
    "not-yet",
    504,
    "The read models are not there yet",
    "They did not pass the position in `waitFor`, or the slot in `asOf`, in good time; ask again "
    "after the seconds in "
    "Retry-After. A position that the log does not have is never passed.",
)
PAST_NOT_KEPT = Kind(
    "past-not-kept",
    422,
    "That past cannot be told",
    "What is asked for is not kept as it was at that time; `detail` says what is.",
)
KINDS = (
    PARAMETER_UNKNOWN,
    PARAMETER_INVALID,
    REQUEST_INVALID,
    MINT_UNKNOWN,
    WALLET_UNKNOWN,
    TRANSACTION_UNKNOWN,
    ROUTE_UNKNOWN,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    TOO_SLOW,
    CONTENT_REFUSED,
    ADDRESS_TOO_LONG,
    HEADERS_TOO_LARGE,
    KEY_INVALID,
    TOO_MANY_REQUESTS,
    INTERNAL,
    UNAVAILABLE,
    NOT_READY,
    NOT_KEPT,
    PAST_NOT_KEPT,
    NOT_YET,
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, for programs (`type`, `status`) and for people (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET
    known: Sequence[str] | UnsetType = UNSET
    reasons: Sequence[str] | UnsetType = UNSET
    id: str | UnsetType = UNSET

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        return _encoder.encode(self)


class ProblemError(falcon.HTTPError):
    """The request ends with a problem of this kind; `extensions` are fields of `Problem`."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(
            kind.status,
            title=kind.title,
            description=detail,
            headers=None if headers is None else dict(headers),
        )
        self.problem = problem(kind, detail, **extensions)

    def __str__(self) -> str:
        return f"{self.title}: {self.description}"


def problem(kind: Kind, detail: str, **extensions: Any) -> Problem:
    """A problem of the kind."""
    return Problem(
        type=kind.type, title=kind.title, status=kind.status, detail=detail, **extensions
    )


def handle(app: "falcon.asgi.App[Any, Any]") -> None:
    """Let the app answer every error with a problem."""
    app.set_error_serializer(_serialize)
    app.add_error_handler(ReadsUnavailableError, _unavailable)
    app.add_error_handler(Exception, _bug)


def _serialize(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    resp.content_type = MEDIA_PROBLEM
    resp.set_header("Cache-Control", "no-store")
    resp.data = _problem_of(req, error).encoded()


def _problem_of(req: falcon.Request, error: falcon.HTTPError) -> Problem:
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, falcon.HTTPRouteNotFound):
        return problem(
            ROUTE_UNKNOWN,
            "no resource has this path; /openapi.json lists ours, docs/drop-in.md those in the "
            "shapes of DexScreener, GeckoTerminal and UDF",
        )
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        return problem(METHOD_NOT_ALLOWED, f"this resource has no {req.method}; see Allow")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem(REQUEST_INVALID, error.description or "the request could not be understood")
    return Problem(
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=error.description or UNSET,
    )


async def _unavailable(
    _req: object, _resp: object, error: ReadsUnavailableError, _params: object
) -> NoReturn:
    _log.warning("the read models are unavailable: %s", error)
    raise ProblemError(
        UNAVAILABLE,
        f"the read models cannot be asked right now; ask again in {RETRY_AFTER_S} s",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


async def _bug(req: falcon.Request, _resp: object, error: Exception, _params: object) -> NoReturn:
    number = uuid.uuid4().hex
    _log.error("%s: %s %s failed", number, req.method, req.path, exc_info=error)
    raise ProblemError(INTERNAL, f"the log of the API has the trace under {number}", id=number)
