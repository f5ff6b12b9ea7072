"""The fields of a wallet and of a creator."""

from typing import Any

import msgspec
from ariadne import ObjectType

from api.graphql.arguments import before, checked, page
from api.graphql.connections import Connection, connection
from api.graphql.context import Info
from api.realised import RealisedParameters, RealisedResource
from api.wallet_representations import (
    PortfolioTotal,
    RealisedDay,
    portfolio_total,
    wallet_position,
    wallet_trade,
)
from projections.portfolio_reads import PositionState

POSITIONS_MAX = 200
TRADES_MAX = 500
TOKENS_MAX = 100

WALLET = ObjectType("Wallet")
CREATOR = ObjectType("Creator")
TOTAL = ObjectType("PortfolioTotal")
POSITION = ObjectType("WalletPosition")
WALLET_TRADE = ObjectType("WalletTrade")

for _type in (TOTAL, POSITION):
    _type.set_alias("firstTradeAt", "first_trade_time")
    _type.set_alias("lastTradeAt", "last_trade_time")
for _type in (POSITION, WALLET_TRADE):
    _type.set_alias("mintAddress", "mint")


class WalletNode(msgspec.Struct, frozen=True):
    """A wallet of which the log has a trade."""

    address: str


class CreatorNode(msgspec.Struct, frozen=True):
    """An address, and what it has launched."""

    address: str
    launches: int
    graduations: int


@WALLET.field("totals")
async def _totals(of: WalletNode, info: Info) -> list[PortfolioTotal]:
    info.context.use("portfolios", "tokens")
    found = await info.context.reads.portfolio(of.address, state=None, limit=1)
    return [portfolio_total(row) for row in found.totals]


@WALLET.field("positions")
async def _positions(
    of: WalletNode,
    info: Info,
    first: int,
    state: PositionState | None = None,
    after: str | None = None,
) -> Connection:
    page("first", first, POSITIONS_MAX)
    info.context.use("portfolios", "tokens")
    found = await info.context.reads.portfolio(
        of.address, state=state, limit=first + 1, before_pos=before(after)
    )
    shown = found.positions[:first]
    return connection(
        [str(row.last_pos) for row in shown],
        [wallet_position(row) for row in shown],
        more=len(found.positions) > first,
        after=after,
    )


@WALLET.field("trades")
async def _trades(of: WalletNode, info: Info, first: int, after: str | None = None) -> Connection:
    page("first", first, TRADES_MAX)
    info.context.use("portfolios", "trades")
    rows = await info.context.reads.wallet_trades(
        of.address, limit=first + 1, before_pos=before(after)
    )
    shown = rows[:first]
    return connection(
        [str(row.pos) for row in shown],
        [wallet_trade(row) for row in shown],
        more=len(rows) > first,
        after=after,
    )


@WALLET.field("realised")
async def _realised(of: WalletNode, info: Info, limit: int, **asked: Any) -> list[RealisedDay]:
    info.context.use_of(RealisedResource.operation)
    parameters = checked(
        RealisedParameters,
        address=of.address,
        quote=asked.get("quote_mint"),
        to=asked.get("to"),
        limit=limit,
        **{"from": asked.get("from")},
    )
    return (await RealisedResource(info.context.reads).answer(parameters)).items


@CREATOR.field("tokens")
async def _tokens(of: CreatorNode, info: Info, first: int, after: str | None = None) -> Connection:
    page("first", first, TOKENS_MAX)
    context = info.context
    context.use("tokens", "sol_prices")
    rows = await context.reads.created_by(of.address, limit=first + 1, before_pos=before(after))
    shown = rows[:first]
    return connection(
        [str(row.created_pos) for row in shown],
        await context.loaders.cards(shown),
        more=len(rows) > first,
        after=after,
    )


BINDABLES = [WALLET, CREATOR, TOTAL, POSITION, WALLET_TRADE]
