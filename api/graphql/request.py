"""A request of GraphQL, from the JSON that every transport brings it as."""

from typing import Any

import msgspec
from graphql import GraphQLError

from api.graphql.errors import BAD_REQUEST, refused


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client asks; other members are passed over, as the protocol wants."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def read(content: bytes) -> Request:
    """A request from its JSON; raises `GraphQLError`."""
    try:
        return msgspec.json.decode(content, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(str(error)) from error


def unreadable(reason: str) -> GraphQLError:
    """The error of a request that is not one."""
    return refused(
        BAD_REQUEST,
        f"The request could not be read: {reason}. It is a JSON object with query, and variables, "
        "operationName and extensions if need be; several at once are not taken.",
    )
