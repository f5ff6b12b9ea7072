"""Queries by their hash: automatic persisted queries, and a folder of those that are allowed."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphql import GraphQLError

TEXT_BYTES_MAX = 4 << 20
"""Of all queries that are kept."""
VERSION = 1


class Persisted:
    """What is kept of queries that clients send by their SHA-256; the oldest go first."""

    def __init__(self, allowed: Mapping[str, str] | None = None) -> None:
        """`allowed` are the only queries that are run, by their hash; without it all are."""
        self._allowed = allowed
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def text(self, query: str | None, extensions: Mapping[str, Any]) -> str:
        """The query that a request means; raises `GraphQLError`."""
        told = extensions.get("persistedQuery")
        if told is None:
            if query is None:
                raise _refused("BAD_REQUEST", "The request has no query.")
            return self._allow(hashlib.sha256(query.encode()).hexdigest(), query)
        if not isinstance(told, Mapping) or told.get("version") != VERSION:
            raise _refused(
                "PERSISTED_QUERY_NOT_SUPPORTED", "Persisted queries are understood in version 1."
            )
        digest = told.get("sha256Hash")
        if not isinstance(digest, str):
            raise _refused("BAD_REQUEST", "persistedQuery.sha256Hash has to be a text.")
        if query is not None:
            if hashlib.sha256(query.encode()).hexdigest() != digest:
                raise _refused("BAD_REQUEST", "The query has another SHA-256 than sha256Hash.")
            return self._keep(digest, self._allow(digest, query))
        return self._known(digest)

    def _allow(self, digest: str, query: str) -> str:
        if self._allowed is not None and digest not in self._allowed:
            raise _refused("QUERY_NOT_ALLOWED", "This server runs only the queries that it knows.")
        return query

    def _known(self, digest: str) -> str:
        known = None if self._allowed is None else self._allowed.get(digest)
        if known is None:
            known = self._kept.get(digest)
        if known is None:
            raise _refused("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        if digest in self._kept:
            self._kept.move_to_end(digest)
        return known

    def _keep(self, digest: str, query: str) -> str:
        if self._allowed is None and digest not in self._kept:
            self._kept[digest] = query
            self._bytes += len(query.encode())
            while self._bytes > TEXT_BYTES_MAX:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.encode())
        return query


def allowed_in(folder: Path) -> dict[str, str]:
    """The queries in a folder's `*.graphql` files, by the SHA-256 of the file as it is."""
    found = {}
    for path in sorted(folder.glob("*.graphql")):
        text = path.read_text(encoding="utf-8")
        found[hashlib.sha256(text.encode()).hexdigest()] = text
    return found


def _refused(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
