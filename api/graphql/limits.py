"""How large a request may be: its text, its depth and its cost."""

from collections.abc import Mapping
from typing import Any

import msgspec
from ariadne.validation import cost_validator
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
    validate,
)

REQUEST_BYTES_MAX = 64 << 10
"""Of a request's content: query, variables and all."""
QUERY_TOKENS_MAX = 2_000
"""Words and signs of a query."""
ERRORS_MAX = 5
"""That are told of one query."""


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
        return [
            GraphQLError(
                f"The query has a depth of {depth}, and {limits.depth_max} is allowed; ask for "
                "what is deeper in a request of its own.",
                extensions={"code": "DEPTH_EXCEEDED", "depth": depth, "maximum": limits.depth_max},
            )
        ]
    given = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(given, list):
        return given
    # The others of the document are not run, and may need variables that were not sent.
    alone = DocumentNode(definitions=(operation, *fragments.values()))
    rule = cost_validator(limits.cost_max, variables=given.coerced)
    return [_too_dear(error) for error in validate(schema, alone, [rule], max_errors=ERRORS_MAX)]


def _too_dear(error: GraphQLError) -> GraphQLError:
    told = (error.extensions or {}).get("cost")
    if told is None:
        return error
    cost, most = told["requestedQueryCost"], told["maximumAvailable"]
    return GraphQLError(
        f"The query costs {cost}, and {most} is allowed; ask for less with `first` or `limit`, or "
        "for fewer fields of every token.",
        extensions={"code": "COST_EXCEEDED", "cost": cost, "maximum": most},
    )


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
