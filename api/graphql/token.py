"""The fields of a token that are more than its card."""

from collections.abc import Callable, Sequence
from typing import Any

from ariadne import ObjectType
from msgspec import UNSET

from api.amounts import quote_decimals, whole
from api.candle import Candle, candle
from api.chart import USD_MINUTES_MAX
from api.dollars import candle_dollars, coins
from api.graphql.arguments import before, page, refused
from api.graphql.connections import Connection, connection
from api.graphql.context import Info
from api.graphql.windows import named_windows
from api.holders import Holder, HolderList, holder_list
from api.kept import check_kept
from api.representations import Token, trade
from api.wallet_representations import WalletPosition, wallet_position
from api.windows import Windows, windows
from projections.dollars import MINUTE_S
from projections.portfolio_reads import TraderSort, plain_quote
from projections.reads import INTERVALS_S
from projections.window_reads import LENGTHS_S, SumsRow
from projections.windows import WINDOWS_S, Window

TIME_S_MAX = 253_402_300_799
TRADES_MAX = 500
CANDLES_MAX = 1_000
HOLDERS_MAX = 500
TRADERS_MAX = 100

TOKEN = ObjectType("Token")

for _field, _attribute in {
    "mintAddress": "mint",
    "decimals": "token_decimals",
    "tradeCount": "trades",
    "createdAt": "created_time",
    "completedAt": "completed_time",
    "graduatedAt": "graduated_time",
    "firstTradeAt": "first_trade_time",
    "lastTradeAt": "last_trade_time",
}.items():
    TOKEN.set_alias(_field, _attribute)


@TOKEN.field("currentPrice")
def _current_price(of: Token, _info: Info) -> dict[str, float | None] | None:
    if of.price is None:
        return None
    return {"quote": of.price, "usd": of.price_usd}


@TOKEN.field("isGraduated")
def _is_graduated(of: Token, _info: Info) -> bool:
    return of.state == "graduated"


@TOKEN.field("windows")
async def _windows(of: Token, info: Info) -> Windows | None:
    info.context.use("tokens", "trades")
    found = await info.context.loaders.windows(of.mint)
    decimals = quote_decimals(of.quote_mint, of.quote_decimals)
    return None if found is None else windows(found, decimals)


def _of_window(
    field: str, window: Window, figure: Callable[[SumsRow, Token], float | None]
) -> None:
    async def resolve(of: Token, info: Info) -> float | None:
        context = info.context
        context.use("tokens", "trades")
        loaders = context.loaders
        # Wallets are costly to count. Where they are counted anyway, nothing is asked for twice.
        asked = loaders.windows if context.asks_for("windows", info) else loaders.sums
        found = await asked(of.mint)
        if found is None:
            return None
        return figure(found.rows[LENGTHS_S.index(WINDOWS_S[window])], of)

    TOKEN.set_field(field, resolve)


def _change(row: SumsRow, _of: Token) -> float | None:
    return row.price_change


def _volume(row: SumsRow, of: Token) -> float | None:
    return whole(row.volume_quote, quote_decimals(of.quote_mint, of.quote_decimals))


for _window in ("5m", "1h", "24h"):
    _of_window(f"priceChange{_window}", _window, _change)
    _of_window(f"volume{_window}", _window, _volume)


@TOKEN.field("trades")
async def _trades(of: Token, info: Info, first: int, after: str | None = None) -> Connection:
    page("first", first, TRADES_MAX)
    context = info.context
    context.use("trades", "sol_prices")
    rows = await context.loaders.trades(of.mint, limit=first + 1, before_pos=before(after))
    shown = rows[:first]
    worth = await coins(context.loaders, [(row.quote_mint, row.pos) for row in shown])
    return connection(
        [str(row.pos) for row in shown],
        [trade(row, coin) for row, coin in zip(shown, worth, strict=True)],
        more=len(rows) > first,
        after=after,
    )


@TOKEN.field("chart")
async def _chart(of: Token, info: Info, **asked: Any) -> Sequence[Candle]:
    interval_s, limit = INTERVALS_S[asked["interval"]], asked["limit"]
    page("limit", limit, CANDLES_MAX)
    given_from_s, given_to_s = asked.get("from"), asked.get("to")
    from_s = given_from_s or 0
    to_s = TIME_S_MAX if given_to_s is None else given_to_s
    if from_s > to_s:
        raise refused("from", f"from was after to by {from_s - to_s} s; exchange them")
    in_usd = asked["currency"] == "usd"
    if in_usd:
        limit = min(limit, USD_MINUTES_MAX * MINUTE_S // interval_s)
    context = info.context
    context.use("candles")
    row = await context.loaders.row(of.mint)
    if row is None:
        return []  # a launch that no read model has yet
    asked_for = {
        "interval_s": interval_s,
        "from_s": from_s - from_s % interval_s,
        "to_s": to_s,
        "limit": limit,
    }
    rows = await context.loaders.candles(of.mint, **asked_for)
    begins = given_from_s is not None
    await check_kept(context.loaders, row, rows, begins=begins, **asked_for)
    if not in_usd:
        return [candle(each, row, None, UNSET) for each in rows]
    context.use("sol_prices")
    worth = await candle_dollars(context.loaders, rows, row, interval_s=interval_s)
    return [candle(each, row, coin, UNSET) for each, coin in zip(rows, worth, strict=True)]


@TOKEN.field("holders")
async def _holders(of: Token, info: Info) -> int | None:
    info.context.use("holders")
    found = await info.context.loaders.holders(of.mint)
    return None if found is None else found.holders


@TOKEN.field("holderSummary")
async def _holder_summary(of: Token, info: Info) -> HolderList | None:
    info.context.use("holders")
    found = await info.context.loaders.holders(of.mint)
    return None if found is None else holder_list(of.mint, found, of.token_decimals)


@TOKEN.field("topHolders")
async def _top_holders(of: Token, info: Info, limit: int) -> Sequence[Holder]:
    page("limit", limit, HOLDERS_MAX)
    info.context.use("holders")
    found = await info.context.loaders.holders(of.mint, limit=limit)
    return [] if found is None else holder_list(of.mint, found, of.token_decimals).items


@TOKEN.field("topTraders")
async def _top_traders(
    of: Token, info: Info, by: TraderSort, limit: int
) -> Sequence[WalletPosition]:
    page("limit", limit, TRADERS_MAX)
    info.context.use("portfolios", "tokens")
    if of.quote_mint is None:
        return []
    rows = await info.context.loaders.top_traders(
        of.mint, plain_quote(of.quote_mint), by=by, limit=limit
    )
    return [wallet_position(row) for row in rows]


BINDABLES = [TOKEN, named_windows("Windows")]
