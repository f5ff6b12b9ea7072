"""Runs requests: what is asked, within the limits, from read models at a known log position."""

import inspect
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
)
from msgspec import UNSET

from api.edition import Edition, Editions
from api.graphql.context import Context
from api.graphql.cost import prices
from api.graphql.documents import Documents, InvalidError, operation_of
from api.graphql.errors import BAD_INPUT, BAD_REQUEST, UNAVAILABLE, refused, told
from api.graphql.limits import Limits, problems
from api.graphql.persisted import Persisted
from api.graphql.request import Request
from api.graphql.schema import executable_schema
from api.graphql.subscriptions import Wanted, wanted
from api.problems import ProblemError
from projections.batch_reads import GraphReads
from projections.labels import Thresholds
from projections.leaderboard_reads import LeaderboardReads, Unkept
from projections.reads import ReadsUnavailableError

DEFAULT_LIMITS = Limits()
DEFAULT_THRESHOLDS = Thresholds()
UNKEPT = Unkept()


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
        editions: Editions | None = None,
        leaderboards: LeaderboardReads = UNKEPT,
    ) -> None:
        """`allowed` are the only queries that are run, by their SHA-256; without it all are.

        `editions` are those that the rest of the API goes by; without them each request asks anew.
        """
        self._editions = editions or Editions(reads, newest=reads)
        self._leaderboards = leaderboards
        self.reads = reads
        self.thresholds = thresholds
        self.limits = limits
        self.schema: GraphQLSchema = executable_schema()
        self._prices = prices(self.schema)
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
        given = request.variables or {}
        errors = problems(self.schema, self._prices, document, definition, given, self.limits)
        if errors:
            raise InvalidError(errors, BAD_INPUT)
        return Operation(document=document, definition=definition, request=request)

    async def context(self) -> Context:
        """What the answers of now share; may raise `ReadsUnavailableError`."""
        held = await self._editions.held()
        return Context(self.reads, self.thresholds, held, self._leaderboards, self._editions.newest)

    async def answer(self, operation: Operation) -> Answer:
        """Run a query."""
        answer, _ = await self.dated(operation)
        return answer

    async def dated(self, operation: Operation) -> tuple[Answer, Edition | None]:
        """Run a query; with what the whole answer is from, None for one that must not be kept."""
        try:
            context = await self.context()
        except ReadsUnavailableError as error:
            return unavailable(error), None
        answer = await self.run(operation, context)
        return answer, None if answer.errors else context.edition

    def wanted(self, operation: Operation) -> Wanted:
        """What a subscription asks for; raises `InvalidError`."""
        fragments = {
            each.name.value: each
            for each in operation.document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        try:
            return wanted(self.schema, operation.definition, fragments, operation.variables)
        except GraphQLError as error:
            raise InvalidError([error], BAD_INPUT) from error
        except ProblemError as error:
            said = refused(BAD_INPUT, str(error.description))
            raise InvalidError([said], BAD_INPUT) from error

    async def run(self, operation: Operation, context: Context, root: object = None) -> Answer:
        """Run an operation's selection on a root value."""
        found = self._execute(operation, context, root)
        answer = _answer(await found if inspect.isawaitable(found) else found)
        if (position := context.position) is not None:
            answer.extensions["logPosition"] = position
            if (newest := context.newest) is not None:
                answer.extensions["slot"] = newest.slot
                answer.extensions["slotTime"] = newest.time_s
        return answer

    def run_at_once(self, operation: Operation, root: object) -> Answer:
        """Run a selection that leads to no read model."""
        found = self._execute(operation, None, root)
        assert isinstance(found, ExecutionResult), "nothing in it has to be waited for"
        return _answer(found)

    def _execute(
        self, operation: Operation, context: Context | None, root: object
    ) -> Awaitable[ExecutionResult] | ExecutionResult:
        return execute(
            self.schema,
            operation.document,
            root_value=root,
            context_value=context,
            variable_values=dict(operation.variables),
            operation_name=operation.request.operation_name,
            hide_suggestions=not self.limits.introspection,
        )


def _answer(result: ExecutionResult) -> Answer:
    return Answer(
        data=result.data, errors=[told(error) for error in result.errors or ()], extensions={}
    )


def unavailable(error: ReadsUnavailableError) -> Answer:
    """The answer where nothing can be asked."""
    said = refused(UNAVAILABLE, "")
    said.original_error = error
    return Answer(errors=[told(said)])


def invalid(error: InvalidError) -> Answer:
    """The answer to a request that is not run."""
    return Answer(errors=[told(each, code=error.code) for each in error.errors])
