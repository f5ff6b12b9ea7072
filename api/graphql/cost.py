"""What a query costs, and how many values its answer can have, before anything is read."""

from collections.abc import Mapping
from typing import NamedTuple

from ariadne.compat import get_argument_values
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_directive_values,
    get_named_type,
)

INTROSPECTION_VALUES = 250
"""That each field of introspection is taken for: the schema's lists are long."""


class Size(NamedTuple):
    """Of what one object's selection asks for."""

    cost: int
    """Units of `@cost`."""
    values: int
    """Fields that are answered, objects and what is in them alike."""


class _Price(NamedTuple):
    """A field's `@cost`."""

    complexity: int
    multipliers: tuple[str, ...]
    """Arguments, by their names in the program."""


Prices = Mapping[tuple[str, str], _Price]


def prices(schema: GraphQLSchema) -> Prices:
    """What the schema's fields cost, by their type and name; others are free."""
    directive = schema.get_directive("cost")
    assert directive is not None, "the schema says what its fields cost"
    found = {}
    for kind in schema.type_map.values():
        for name, field in kind.fields.items() if isinstance(kind, GraphQLObjectType) else ():
            told = get_directive_values(directive, field.ast_node) if field.ast_node else None
            if told is not None:
                names = [field.args[each].out_name or each for each in told.get("multipliers", ())]
                found[kind.name, name] = _Price(told["complexity"], tuple(names))
    return found


class Sizes:
    """Sizes of the selections of a valid document, each fragment's reckoned once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        prices: Prices,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, object],
    ) -> None:
        """`variables` are coerced already."""
        self._schema = schema
        self._prices = prices
        self._fragments = fragments
        self._variables = dict(variables)
        self._known: dict[str, Size] = {}

    def of_operation(self, operation: OperationDefinitionNode) -> Size:
        """The size of all of it; raises `GraphQLError` where an argument cannot be."""
        return self._of(operation.selection_set, self._schema.get_root_type(operation.operation))

    def _of(self, selections: SelectionSetNode, kind: GraphQLNamedType | None) -> Size:
        cost = values = 0
        for each in selections.selections:
            if isinstance(each, FieldNode):
                size = self._of_field(each, kind)
            elif isinstance(each, InlineFragmentNode):
                on = each.type_condition
                size = self._of(each.selection_set, self._kind(on.name.value) if on else kind)
            else:
                assert isinstance(each, FragmentSpreadNode), "there are no other selections"
                size = self._of_fragment(each.name.value)
            cost += size.cost
            values += size.values
        return Size(cost, values)

    def _of_field(self, node: FieldNode, kind: GraphQLNamedType | None) -> Size:
        name = node.name.value
        assert isinstance(kind, GraphQLObjectType), "there are no interfaces and no unions"
        field = kind.fields.get(name) or self._schema.get_field(kind, name)
        assert field is not None, "the document is valid"
        within = Size(0, 0)
        if node.selection_set:
            within = self._of(node.selection_set, get_named_type(field.type))
        if kind.name.startswith("__"):
            return Size(0, INTROSPECTION_VALUES + within.values)
        price = self._prices.get((kind.name, name))
        if price is None:
            return Size(within.cost, 1 + within.values)
        times = self._times(price, field, node)
        return Size(times * (price.complexity + within.cost), 1 + times * within.values)

    def _times(self, price: _Price, field: GraphQLField, node: FieldNode) -> int:
        """How often what is within a field is answered; what is below 1 is refused later."""
        if not price.multipliers:
            return 1
        given = get_argument_values(field, node, self._variables)
        asked = (given[name] for name in price.multipliers)
        return max(1, sum(it if isinstance(it, int) else len(it) for it in asked))

    def _of_fragment(self, name: str) -> Size:
        if name not in self._known:
            fragment = self._fragments[name]
            kind = self._kind(fragment.type_condition.name.value)
            self._known[name] = self._of(fragment.selection_set, kind)
        return self._known[name]

    def _kind(self, name: str) -> GraphQLNamedType | None:
        return self._schema.get_type(name)
