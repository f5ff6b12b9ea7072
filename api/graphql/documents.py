"""Queries that are parsed and valid, kept by their text."""

from collections import OrderedDict

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

from api.graphql.errors import PARSE_FAILED, VALIDATION_FAILED, refused
from api.graphql.limits import ERRORS_MAX, QUERY_TOKENS_MAX

TEXT_CHARACTERS_MAX = 1 << 18
"""Of all that are kept: a document takes some hundred times the space of its text."""


class InvalidError(Exception):
    """A query that cannot be run, for these reasons."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors
        self.code = code


class Documents:
    """Parses and validates each query once, as long as it is kept."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._hide_suggestions = not introspection
        self._rules = [*specified_rules]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0

    def document(self, query: str) -> DocumentNode:
        """A query's document; raises `InvalidError`."""
        if (known := self._kept.get(query)) is not None:
            self._kept.move_to_end(query)
            return known
        try:
            document = parse(query, max_tokens=QUERY_TOKENS_MAX)
        except GraphQLError as error:
            raise InvalidError([error], PARSE_FAILED) from error
        errors = validate(
            self._schema,
            document,
            self._rules,
            max_errors=ERRORS_MAX,
            hide_suggestions=self._hide_suggestions,
        )
        if errors:
            raise InvalidError(errors, VALIDATION_FAILED)
        self._kept[query] = document
        self._characters += len(query)
        while self._characters > TEXT_CHARACTERS_MAX:
            dropped, _ = self._kept.popitem(last=False)
            self._characters -= len(dropped)
        return document


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that is meant; raises `InvalidError`."""
    found = get_operation_ast(document, name)
    if found is None:
        message = (
            "The request has several operations; operationName has to say which."
            if name is None
            else f"The request has no operation named {name[:60]!r}."
        )
        raise InvalidError([refused("OPERATION_RESOLUTION_FAILURE", message)], VALIDATION_FAILED)
    return found
