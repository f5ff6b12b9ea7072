"""How large a request may be: its text, its depth, its cost and its answer."""

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_variable_values,
)

from api.graphql.cost import Prices, Sizes

REQUEST_BYTES_MAX = 64 << 10
"""Of a request's content: query, variables and all."""
QUERY_TOKENS_MAX = 2_000
"""Words and signs of a query."""
ERRORS_MAX = 5
"""That are told of one query."""
VALUES_MAX = 100_000
"""Of an answer; they keep the process from answering anybody else for about half a second."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may ask for."""

    depth_max: int = 12
    """Fields within fields; introspection has a limit of its own."""
    cost_max: int = 10_000
    """Units of `@cost`; about the rows that are looked at."""
    introspection: bool = True
    """Whether the schema can be asked for."""


def problems(
    schema: GraphQLSchema,
    prices: Prices,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limits: Limits,
) -> list[GraphQLError]:
    """Why a valid document asks for too much; empty where it does not."""
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    depth = _Depths(fragments).of(operation.selection_set)
    if depth > limits.depth_max:
        message = (
            f"The query has a depth of {depth}, and {limits.depth_max} is allowed; ask for what is "
            "deeper in a request of its own."
        )
        return [_too_much("depth", message, depth, limits.depth_max)]
    given = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(given, list):
        return given
    try:
        size = Sizes(schema, prices, fragments, given.coerced).of_operation(operation)
    except GraphQLError as error:
        return [error]
    if size.cost > limits.cost_max:
        message = (
            f"The query costs {size.cost}, and {limits.cost_max} is allowed; ask for less with "
            "`first` or `limit`, or for fewer fields of every token."
        )
        return [_too_much("cost", message, size.cost, limits.cost_max)]
    if size.values > VALUES_MAX:
        message = (
            f"The answer could have {size.values} values, and {VALUES_MAX} are allowed; ask for "
            "fewer fields, or for less with `first` or `limit`."
        )
        return [_too_much("values", message, size.values, VALUES_MAX)]
    return []


def _too_much(what: str, message: str, asked: int, most: int) -> GraphQLError:
    code = f"{what.upper()}_EXCEEDED"
    return GraphQLError(message, extensions={"code": code, what: asked, "maximum": most})


class _Depths:
    """Depths of selections, each fragment's reckoned once; the document has no cycles."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode) -> int:
        deepest = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                if each.name.value in {"__schema", "__type"}:
                    continue  # graphql-core's own rule limits these
                depth = 1 + (self.of(each.selection_set) if each.selection_set else 0)
            elif isinstance(each, InlineFragmentNode):
                depth = self.of(each.selection_set)
            else:
                assert isinstance(each, FragmentSpreadNode), "there are no other selections"
                depth = self._of_fragment(each.name.value)
            deepest = max(deepest, depth)
        return deepest

    def _of_fragment(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known[name]
