"""Runs requests: what is asked, within the limits, from read models at a known log position."""

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
)
from msgspec import UNSET

from api.graphql.context import Context
from api.graphql.documents import Documents, InvalidError, operation_of
from api.graphql.errors import BAD_INPUT, BAD_REQUEST, UNAVAILABLE, refused, told
from api.graphql.limits import Limits, problems
from api.graphql.persisted import Persisted
from api.graphql.request import Request
from api.graphql.schema import executable_schema
from projections.batch_reads import GraphReads
from projections.labels import Thresholds
from projections.reads import ProjectionPosition, ReadsUnavailableError

DEFAULT_LIMITS = Limits()
DEFAULT_THRESHOLDS = Thresholds()


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes back to the client, as the specification has it."""

    errors: list[dict[str, Any]] = []
    data: Any = UNSET
    """Left out where nothing was run, null where what was run has failed."""
    extensions: dict[str, Any] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that may be run."""

    document: DocumentNode
    definition: OperationDefinitionNode
    request: Request

    @property
    def kind(self) -> OperationType:
        """Query or subscription; there are no mutations."""
        return self.definition.operation

    @property
    def variables(self) -> Mapping[str, Any]:
        """As the client sent them."""
        return self.request.variables or {}


class Graph:
    """The graph of everything that can be asked."""

    def __init__(
        self,
        reads: GraphReads,
        *,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        limits: Limits = DEFAULT_LIMITS,
        allowed: Mapping[str, str] | None = None,
    ) -> None:
        """`allowed` are the only queries that are run, by their SHA-256; without it all are."""
        self.reads = reads
        self.thresholds = thresholds
        self.limits = limits
        self.schema: GraphQLSchema = executable_schema()
        self._documents = Documents(self.schema, introspection=limits.introspection)
        self._persisted = Persisted(allowed)

    def operation(self, request: Request) -> Operation:
        """The operation of a request; raises `InvalidError` where it must not be run."""
        try:
            text = self._persisted.text(request.query, request.extensions or {})
        except GraphQLError as error:
            raise InvalidError([error], BAD_REQUEST) from error
        document = self._documents.document(text)
        definition = operation_of(document, request.operation_name)
        errors = problems(self.schema, document, definition, request.variables or {}, self.limits)
        if errors:
            raise InvalidError(errors, BAD_INPUT)
        return Operation(document=document, definition=definition, request=request)

    async def held(self) -> Mapping[str, ProjectionPosition]:
        """How far the read models are; may raise `ReadsUnavailableError`."""
        return {each.name: each for each in await self.reads.positions()}

    async def answer(self, operation: Operation) -> Answer:
        """Run a query."""
        try:
            held = await self.held()
        except ReadsUnavailableError as error:
            said = refused(UNAVAILABLE, "")
            said.original_error = error
            return Answer(errors=[told(said)])
        context = Context(self.reads, self.thresholds, held)
        return await self.run(operation, context)

    async def run(self, operation: Operation, context: Context, root: object = None) -> Answer:
        """Run an operation's selection on a root value."""
        found = execute(
            self.schema,
            operation.document,
            root_value=root,
            context_value=context,
            variable_values=dict(operation.variables),
            operation_name=operation.request.operation_name,
            hide_suggestions=not self.limits.introspection,
        )
        result: ExecutionResult = await found if inspect.isawaitable(found) else found
        extensions: dict[str, Any] = {}
        if context.position is not None:
            extensions["logPosition"] = context.position
            extensions["newestTime"] = await self._newest_time_s(context)
        return Answer(
            data=result.data,
            errors=[told(error) for error in result.errors or ()],
            extensions=extensions,
        )

    async def _newest_time_s(self, context: Context) -> int | None:
        try:
            return (await context.loaders.ages()).now_s
        except ReadsUnavailableError:
            return None


def invalid(error: InvalidError) -> Answer:
    """The answer to a request that is not run."""
    return Answer(errors=[told(each, code=error.code) for each in error.errors])
