"""Builds the ASGI application from what it reads; nothing here is global."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import falcon
import falcon.asgi
import msgspec

from api import problems, reference
from api.about_to_graduate import AboutToGraduateResource
from api.chart import ChartResource
from api.creators import CreatorTokensResource
from api.documents import Document
from api.drop_in import SHAPES, add_drop_ins
from api.edition import POSITION_HEADER, SLOT_HEADER, Editions
from api.endpoint import Endpoint
from api.explain import ExplainResource
from api.graduations import GraduationsResource
from api.graphql import resource as graphql
from api.graphql.hub import Hub
from api.guard import Guard
from api.health import HealthResource, LogHead, ReadinessResource
from api.holders import HoldersResource
from api.launches import LaunchesResource
from api.leaderboards import LeaderboardsResource
from api.market import MarketResource
from api.openapi import document
from api.operation import AnyResource
from api.portfolio import PortfolioResource
from api.realised import RealisedResource
from api.reference import Elsewhere
from api.search import SearchResource
from api.slots import CompletenessResource, SlotResource
from api.status import page as status_page
from api.token import TokenResource
from api.tokens import TokensResource
from api.top_traders import TopTradersResource
from api.trades import TradesResource
from api.wallet_trades import WalletTradesResource
from projections.explained_reads import Explanations
from projections.feed_reads import QueryReads
from projections.labels import Thresholds
from projections.leaderboard_reads import LeaderboardReads, Unkept, WithLeaderboards
from projections.leaderboards import Leaderboards
from projections.pair_reads import PairReads

EXPOSED = (
    "Age",
    "Cache-Status",
    POSITION_HEADER,
    SLOT_HEADER,
    "Date",
    "ETag",
    "Link",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
)
"""Headers that a browser's page may read."""
OURS = (
    Elsewhere("/status", "The pipeline at work, live over Socket.IO"),
    Elsewhere("/openapi.json", "All of the above as OpenAPI 3.1, to generate clients from"),
)
GRAPH = (Elsewhere(graphql.PATH, "GraphQL, with a page to try it on, and subscriptions"),)
ALL_ORIGINS = ("*",)
DEFAULT_THRESHOLDS = Thresholds()
UNKEPT = Unkept()

App: TypeAlias = "falcon.asgi.App[Any, Any]"


def create_app(
    reads: QueryReads,
    log: LogHead,
    *,
    pairs: PairReads | None = None,
    cors_origins: Sequence[str] = ALL_ORIGINS,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    editions: Editions | None = None,
    graph: Hub | None = None,
    leaderboards: LeaderboardReads = UNKEPT,
    explanations: Explanations | None = None,
) -> App:
    """The API over these read models; `log` is only asked how far the read models are behind.

    Browsers may call it from `cors_origins`, each a scheme with a host; `*` allows all.
    `thresholds` say which tokens are new and which are about to graduate. `editions` are those that
    a cache in front of it goes by (`api.front.Front`); without them each request asks anew. `graph`
    is answered under `/graphql`; without it there is none. From `pairs` other APIs' shapes are
    answered at their own paths; without it there are none.
    """
    resources: list[AnyResource] = [
        TokensResource(reads, thresholds),
        TokenResource(reads, thresholds),
        ChartResource(reads),
        TradesResource(reads),
        TopTradersResource(reads),
        HoldersResource(reads),
        PortfolioResource(reads),
        WalletTradesResource(reads),
        RealisedResource(reads),
        SearchResource(reads),
        LaunchesResource(reads, thresholds),
        GraduationsResource(reads, thresholds),
        AboutToGraduateResource(reads, thresholds),
        CreatorTokensResource(reads, thresholds),
        LeaderboardsResource(reads, leaderboards),
        MarketResource(reads, leaderboards),
        CompletenessResource(reads),
        SlotResource(reads),
        *([] if explanations is None else [ExplainResource(reads, explanations)]),
        HealthResource(),
    ]
    used = frozenset(name for each in resources for name in each.operation.read_models)
    used -= {Leaderboards.name}  # they may be kept nowhere
    resources.append(ReadinessResource(reads, log, used))
    operations = [resource.operation for resource in resources]

    app = _framework(cors_origins)
    problems.handle(app)
    editions = editions or Editions(WithLeaderboards(reads, leaderboards), newest=reads)
    for resource in resources:
        app.add_route(resource.operation.path, Endpoint(resource, editions))
    described = document(operations)
    app.add_route("/openapi.json", Document(msgspec.json.encode(described), falcon.MEDIA_JSON))
    if graph is not None:
        graphql.add_routes(app, graph, cors_origins)
    for path, served in status_page.documents().items():
        app.add_route(path, served)
    add_drop_ins(app, pairs, editions)
    shown = reference.page(
        described, [*OURS, *(GRAPH if graph else ()), *(SHAPES if pairs else ())]
    )
    app.add_route("/", Document(shown, falcon.MEDIA_HTML, reference.HEADERS))
    return app


def _framework(cors_origins: Sequence[str]) -> App:
    """An application with what holds for every request, and nothing in it."""
    everyone = "*" in cors_origins
    return falcon.asgi.App(
        middleware=[
            Guard(vary_by_origin=not everyone, exposed=EXPOSED, takes_content=(graphql.PATH,)),
            falcon.CORSMiddleware(
                allow_origins="*" if everyone else cors_origins, expose_headers=EXPOSED
            ),
        ]
    )
