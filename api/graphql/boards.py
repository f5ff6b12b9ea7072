"""Rankings and the market, as REST has them."""

from typing import Any

from ariadne import ObjectType

from api.graphql.arguments import checked
from api.graphql.context import Info
from api.graphql.windows import named_windows
from api.leaderboards import Leaderboard, LeaderboardsParameters, LeaderboardsResource
from api.market import Market, MarketResource
from api.parameters import NoParameters

QUERY = ObjectType("Query")
PAGE = ObjectType("RankingPage")
LEADER = ObjectType("Leader")

LEADER.set_alias("mintAddress", "mint")
LEADER.set_alias("createdAt", "created_time")


@QUERY.field("rankings")
async def _rankings(_root: None, info: Info, first: int, **asked: Any) -> Leaderboard:
    context = info.context
    context.use_of(LeaderboardsResource.operation)
    parameters = checked(LeaderboardsParameters, limit=first, **asked)
    return await LeaderboardsResource(context.reads, context.leaderboards).answer(parameters)


@QUERY.field("market")
async def _market(_root: None, info: Info) -> Market:
    context = info.context
    context.use_of(MarketResource.operation)
    return await MarketResource(context.reads, context.leaderboards).answer(NoParameters())


@PAGE.field("nextPage")
def _next_page(of: Leaderboard, _info: Info) -> int | None:
    return None if of.next is None else int(of.next)


BINDABLES = [QUERY, PAGE, LEADER, named_windows("MarketWindows")]
