"""Errors as clients see them: a sentence, a code, and nothing of what is inside."""

import logging
import uuid
from typing import Any

from graphql import GraphQLError

from api.problems import INTERNAL, PARAMETER_INVALID, ProblemError
from projections.reads import ReadsUnavailableError

BAD_REQUEST = "BAD_REQUEST"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_INPUT = "BAD_USER_INPUT"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL_ERROR = "INTERNAL_SERVER_ERROR"
SLOW_CONSUMER = "SLOW_CONSUMER"
TOO_LARGE = "ANSWER_TOO_LARGE"
TOO_MANY = "TOO_MANY_REQUESTS"

_log = logging.getLogger("curvetape.api")


def refused(code: str, message: str, **more: object) -> GraphQLError:
    """An error of the request itself; `more` goes beside its code."""
    return GraphQLError(message, extensions={"code": code, **more})


def told(error: GraphQLError, *, code: str = BAD_INPUT) -> dict[str, Any]:
    """An error of an answer; `code` is for those of the request that have none of their own."""
    original = error.original_error
    if isinstance(original, ProblemError) and original.problem.type != INTERNAL.type:
        kind = original.problem.type.removeprefix("/#").replace("-", "_").upper()
        code = BAD_INPUT if original.problem.type == PARAMETER_INVALID.type else kind
        return _said(error, original.description or kind, {"code": code})
    if isinstance(original, ReadsUnavailableError):
        _log.warning("the read models are unavailable: %s", original)
        return _said(
            error,
            "The read models cannot be asked right now; ask again in two seconds.",
            {"code": UNAVAILABLE},
        )
    if error.path is not None and not (error.extensions or {}).get("code"):
        number = uuid.uuid4().hex
        _log.error("%s: %s failed", number, ".".join(map(str, error.path)), exc_info=original)
        return _said(
            error,
            f"Something went wrong here; the log of the API has the trace under {number}.",
            {"code": INTERNAL_ERROR, "id": number},
        )
    return _said(error, error.message, {"code": code, **(error.extensions or {})})


def _said(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"message": message}
    if error.locations:
        said["locations"] = [{"line": it.line, "column": it.column} for it in error.locations]
    if error.path is not None:
        said["path"] = error.path
    said["extensions"] = extensions
    return said
