"""What can be subscribed to: where it comes from, and what each message is told as."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from ariadne import ObjectType
from ariadne.compat import get_argument_values
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_variable_values,
)
from msgspec import UNSET

from api.candle import Candle, candle
from api.dollars import CardCoins
from api.graphql.alerts import rules_of
from api.graphql.arguments import address
from api.graphql.context import Info
from api.graphql.errors import BAD_INPUT, refused
from api.live.alerts import OF_ONE_TRADE, AlertRule
from api.live.feed import CorrectionTold, GraduationTold, LaunchTold
from api.live.message import MARKET, token_room
from api.parameters import Interval
from api.representations import Token, Trade, token
from projections.reads import CandleRow, TokenRow

SUBSCRIPTION = ObjectType("Subscription")
GRADUATION_EVENT = ObjectType("GraduationEvent")
GRADUATION_EVENT.set_alias("mintAddress", "mint")

LINK = "token"
"""The field by which what is told leads to read models."""
_READING = frozenset(("tokenUpdate", "newTokens", "candles"))


class Event(msgspec.Struct, frozen=True):
    """The messages of this name in this room."""

    room: str
    name: str


class Watched(msgspec.Struct, frozen=True):
    """A token's card, or its newest candle of an interval."""

    mint: str
    interval: Interval | None = None


Source: TypeAlias = Event | Watched


class ToldTrade(Trade, frozen=True, kw_only=True, rename="camel"):
    """A trade, and what was told of it besides."""

    sequence: int
    provisional: bool


class _TradeTold(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    provisional: bool
    trade: Trade


class WatchedCandle(msgspec.Struct, frozen=True):
    """A token's newest candle, and its card for the decimals."""

    candle: CandleRow
    card: TokenRow


def _trade(body: bytes) -> ToldTrade:
    told = msgspec.json.decode(body, type=_TradeTold)
    fields = {name: getattr(told.trade, name) for name in Trade.__struct_fields__}
    return ToldTrade(**fields, sequence=told.sequence, provisional=told.provisional)


READ: Mapping[str, Callable[[bytes], Any]] = {
    "trade": _trade,
    "launch": msgspec.json.Decoder(LaunchTold).decode,
    "graduation": msgspec.json.Decoder(GraduationTold).decode,
    "correction": msgspec.json.Decoder(CorrectionTold).decode,
}
"""How the body of a message is read, by its name without the room."""


def source(field: str, asked: Mapping[str, Any]) -> Source:
    """Where a subscription's messages come from."""
    mint = asked.get("mint_address")
    if mint is not None:
        address("mintAddress", mint)
    if field == "alerts":
        return (
            Event(MARKET, f"{MARKET}:trade") if mint is None else Event(token_room(mint), "trade")
        )
    if field == "trades":
        return Event(token_room(asked["mint_address"]), "trade")
    if field == "tokenUpdate":
        return Watched(asked["mint_address"])
    if field == "candles":
        return Watched(asked["mint_address"], asked["interval"])
    names = {"newTokens": "launch", "graduations": "graduation", "corrections": "correction"}
    if mint is not None:
        return Event(token_room(mint), names[field])
    return Event(MARKET, f"{MARKET}:{names[field]}")


class Wanted(msgspec.Struct, frozen=True):
    """What a subscription is told."""

    source: Source
    reads: bool
    """Whether read models are asked for each message."""
    rules: Sequence[AlertRule] = ()
    """Where not each trade is told, but those that make one of these true."""

    @property
    def is_own(self) -> bool:
        """Whether what is told depends on when it was asked for."""
        return any(rule.kind not in OF_ONE_TRADE for rule in self.rules)


def wanted(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Wanted:
    """What a valid subscription asks for; raises `GraphQLError` and `ProblemError`."""
    node = _only_field(operation.selection_set, fragments)
    given = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(given, list):
        raise given[0]
    kind = schema.subscription_type
    assert kind is not None, "the schema has subscriptions"
    name = node.name.value
    if name not in kind.fields:
        raise refused(BAD_INPUT, f"{name} cannot be subscribed to.")
    asked = get_argument_values(kind.fields[name], node, given.coerced)
    reads = name in _READING or _leads(operation.selection_set, fragments, set())
    rules = rules_of(asked["rules"], asked.get("mint_address")) if name == "alerts" else ()
    return Wanted(source(name, asked), reads, rules)


def _only_field(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> FieldNode:
    (selection,) = selections.selections[:1]
    if selection.directives:
        raise refused(BAD_INPUT, "A subscription's field cannot be skipped or included.")
    if isinstance(selection, FieldNode):
        return selection
    if isinstance(selection, InlineFragmentNode):
        return _only_field(selection.selection_set, fragments)
    assert isinstance(selection, FragmentSpreadNode), "there are no other selections"
    return _only_field(fragments[selection.name.value].selection_set, fragments)


def _leads(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> bool:
    """Whether `LINK` is anywhere; a field may be written several times, and is answered once."""
    for each in selections.selections:
        within: SelectionSetNode | None
        if isinstance(each, FragmentSpreadNode):
            name = each.name.value
            within = None if name in seen else fragments[name].selection_set
            seen.add(name)
        elif isinstance(each, FieldNode) and each.name.value == LINK:
            return True
        else:
            assert isinstance(each, FieldNode | InlineFragmentNode), "there are no other selections"
            within = each.selection_set
        if within is not None and _leads(within, fragments, seen):
            return True
    return False


@SUBSCRIPTION.field("trades")
@SUBSCRIPTION.field("graduations")
@SUBSCRIPTION.field("corrections")
@SUBSCRIPTION.field("alerts")
def _as_told(told: object, _info: Info, **_: object) -> object:
    return told


@SUBSCRIPTION.field("tokenUpdate")
async def _token_update(row: TokenRow, info: Info, **_: object) -> Token:
    info.context.use("tokens", "sol_prices")
    (card,) = await info.context.loaders.cards([row])
    return card


@SUBSCRIPTION.field("newTokens")
async def _new_token(told: LaunchTold, info: Info) -> Token:
    info.context.use("tokens", "sol_prices")
    known = await info.context.loaders.token(told.mint)
    if known is not None:
        return known
    return token(_launched(told), await info.context.loaders.ages(), CardCoins(None, None))


@SUBSCRIPTION.field("candles")
def _candle(told: WatchedCandle, info: Info, **_: object) -> Candle:
    info.context.use("candles", "tokens")
    return candle(told.candle, told.card, None, UNSET)


def _launched(told: LaunchTold) -> TokenRow:
    """What a launch says of a token that no read model has yet."""
    unknown = dict.fromkeys(TokenRow.__struct_fields__)
    said = {
        "mint": told.mint,
        "name": told.name,
        "symbol": told.symbol,
        "uri": told.uri,
        "creator": told.creator,
        "bonding_curve": told.bonding_curve,
        "quote_mint": told.quote_mint,
        "state": "curve",
        "created_time_s": told.time,
        "trades": 0,
        "buys": 0,
        "sells": 0,
        "volume_quote": 0,
    }
    return TokenRow(**{**unknown, **said})  # type: ignore[arg-type]  # its fields, by their names


BINDABLES = [SUBSCRIPTION, GRADUATION_EVENT]
