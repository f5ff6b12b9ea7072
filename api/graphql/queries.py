"""What can be asked for, and the fields that lead from one thing to another."""

from collections.abc import Mapping, Sequence
from typing import Any

from ariadne import ObjectType, QueryType

from api.cursors import CursorError, cursor_at
from api.graduations import graduation
from api.graphql.arguments import (
    address,
    before,
    behind,
    checked,
    no_cursor,
    page,
    printable,
    refused,
)
from api.graphql.connections import Connection, connection
from api.graphql.context import Context, Info
from api.graphql.wallet import CreatorNode, WalletNode
from api.launches import launch
from api.problems import ProblemError
from api.representations import Token
from api.search import SearchParameters, SearchResource
from api.tokens import TokensParameters, TokensResource
from projections.reads import (
    Page,
    ProjectionPosition,
    TokenRow,
    curve_progress,
)
from projections.token_lists import ListSort

TOKENS_MAX = 100
PROGRESS = "progress"
CARDS = ("tokens", "sol_prices")

QUERY = QueryType()
READ_MODEL = ObjectType("ReadModel")
SEARCH_RESULT = ObjectType("SearchResult")
FOUND = ObjectType("FoundToken")
TRADE = ObjectType("Trade")

READ_MODEL.set_alias("position", "sequence")
TRADE.set_alias("mintAddress", "mint")
for _field, _attribute in {
    "mintAddress": "mint",
    "tradeCount": "trades",
    "createdAt": "created_time",
    "lastTradeAt": "last_trade_time",
}.items():
    FOUND.set_alias(_field, _attribute)


@QUERY.field("token")
async def _token(_root: None, info: Info, mint_address: str) -> Token | None:
    return await _card(info.context, address("mintAddress", mint_address))


@QUERY.field("tokensByMint")
async def _tokens_by_mint(
    _root: None, info: Info, mint_addresses: Sequence[str]
) -> Sequence[Token | None]:
    if len(mint_addresses) > TOKENS_MAX:
        raise refused("mintAddresses", f"mintAddresses may hold {TOKENS_MAX} mints at most")
    mints = [address("mintAddresses", mint) for mint in mint_addresses]
    info.context.use(*CARDS)
    found: list[Token | None] = await info.context.loaders.tokens(mints)
    return found


async def _card(context: Context, mint: str) -> Token | None:
    context.use(*CARDS)
    return await context.loaders.token(mint)


@QUERY.field("tokens")
async def _tokens(
    _root: None,
    info: Info,
    sort: ListSort,
    first: int,
    filter: Mapping[str, Any] | None = None,  # noqa: A002  # the schema's word
    after: str | None = None,
) -> Connection:
    page("first", first, TOKENS_MAX)
    context = info.context
    context.use_of(TokensResource.operation)
    asked = filter or {}
    printable("text", asked.get("text") or "")
    parameters = checked(
        TokensParameters, sort=sort, limit=first, cursor=after, **_parameters(asked)
    )
    try:
        found = await TokensResource(context.reads, context.thresholds).page(parameters)
    except ProblemError as error:
        if after is not None and isinstance(error.__cause__, CursorError):
            raise no_cursor(after, str(error.__cause__)) from error
        raise
    cursors = [found.cursor(place) for place in range(len(found.rows))]
    cards = await context.loaders.cards(found.rows)
    return connection(cursors, cards, more=found.more, after=after)


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """REST's names of what was given; its yes and no are true and false here."""
    named = {"text": "q", "quote_mint": "quote"}
    found = {}
    for name, value in given.items():
        head, *rest = named.get(name, name).split("_")
        told = ("no", "yes")[value] if isinstance(value, bool) else value
        found[head + "".join(part.title() for part in rest)] = told
    return found


@QUERY.field("aboutToGraduate")
async def _about_to_graduate(
    _root: None, info: Info, first: int, after: str | None = None
) -> Connection:
    page("first", first, TOKENS_MAX)
    place = behind(after, PROGRESS)
    rows = await info.context.reads.about_to_graduate(
        progress_min=info.context.thresholds.about_to_graduate,
        page=Page(limit=first + 1, after=place),
    )
    cursors = [cursor_at(PROGRESS, curve_progress(row) or 0.0, row.mint) for row in rows[:first]]
    return await _cards(info.context, rows, cursors, after)


async def _cards(
    context: Context, rows: Sequence[TokenRow], cursors: Sequence[str], after: str | None
) -> Connection:
    """A page of cards; of the rows there is one more where the list goes on."""
    context.use(*CARDS)
    cards = await context.loaders.cards(rows[: len(cursors)])
    return connection(cursors, cards, more=len(rows) > len(cursors), after=after)


@QUERY.field("search")
async def _search(_root: None, info: Info, first: int, **asked: Any) -> object:
    info.context.use_of(SearchResource.operation)
    printable("text", asked["text"])
    parameters = checked(SearchParameters, limit=first, **_parameters(asked))
    return await SearchResource(info.context.reads).answer(parameters)


@SEARCH_RESULT.field("nextPage")
def _next_page(of: Any, _info: Info) -> int | None:
    return None if of.next is None else int(of.next)


@QUERY.field("launches")
async def _launches(_root: None, info: Info, first: int, after: str | None = None) -> Connection:
    page("first", first, TOKENS_MAX)
    context = info.context
    context.use(*CARDS, "trades")
    rows = await context.reads.launches(limit=first + 1, before_pos=before(after))
    shown = rows[:first]
    ages, coins = await context.loaders.worth(shown)
    return connection(
        [str(row.created_pos) for row in shown],
        [launch(row, ages, coin) for row, coin in zip(shown, coins, strict=True)],
        more=len(rows) > first,
        after=after,
    )


@QUERY.field("graduations")
async def _graduations(_root: None, info: Info, first: int, after: str | None = None) -> Connection:
    page("first", first, TOKENS_MAX)
    context = info.context
    context.use(*CARDS)
    rows = await context.reads.graduations(limit=first + 1, before_pos=before(after))
    shown = rows[:first]
    ages, coins = await context.loaders.worth(shown)
    return connection(
        [str(row.graduated_pos) for row in shown],
        [graduation(row, ages, coin) for row, coin in zip(shown, coins, strict=True)],
        more=len(rows) > first,
        after=after,
    )


@QUERY.field("creator")
async def _creator(_root: None, info: Info, **asked: str) -> CreatorNode:
    of = address("address", asked["address"])
    info.context.use("tokens")
    made = await info.context.reads.creator(of)
    return CreatorNode(of, made.launches, made.graduations)


@QUERY.field("wallet")
async def _wallet(_root: None, info: Info, **asked: str) -> WalletNode | None:
    of = address("address", asked["address"])
    info.context.use("portfolios")
    return WalletNode(of) if await info.context.reads.traded(of) else None


@QUERY.field("readModels")
async def _read_models(_root: None, info: Info) -> Sequence[ProjectionPosition]:
    info.context.use_moment()
    return list(info.context.held.values())


@TRADE.field("provisional")
def _provisional(of: Any, _info: Info) -> bool:
    # What a read model holds is certified; only what is told as it happens can be otherwise.
    return bool(getattr(of, "provisional", False))


async def _of_mint(of: Any, info: Info) -> Token | None:
    return await _card(info.context, of.mint)


LINKED = [
    ObjectType(name) for name in ("WalletPosition", "WalletTrade", "GraduationEvent", "Leader")
]
for _type in (TRADE, FOUND, *LINKED):
    _type.set_field("token", _of_mint)

BINDABLES = [QUERY, READ_MODEL, SEARCH_RESULT, FOUND, TRADE, *LINKED]
