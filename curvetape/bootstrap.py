"""The only place where ports meet adapters: settings in, running parts out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from adapters.meilisearch.client import Meili
from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.candles import CandleStore
from adapters.postgres.holders import HolderStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pair_reads import PostgresPairReads
from adapters.postgres.pool import NO_CONNECTIONS, Connections, open_pool
from adapters.postgres.portfolios import PortfolioStore
from adapters.postgres.search import SearchStore
from adapters.postgres.search_changes import PostgresDocuments
from adapters.postgres.slots import SlotStore
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from adapters.valkey.client import Valkey
from adapters.valkey.generations import Generations
from adapters.valkey.keys import Role
from adapters.valkey.leaderboards import LeaderboardStore
from adapters.valkey.reads import ValkeyLeaderboards
from api.app import create_app
from api.edition import Editions
from api.front import Front
from api.graphql.execution import Graph
from api.graphql.hub import Hub
from api.graphql.limits import Limits
from api.graphql.persisted import allowed_in
from api.live.sockets import Sockets, with_sockets
from curvetape.archives import log_of
from curvetape.config import Settings
from curvetape.explained_log import LogExplanations
from curvetape.fronting import fronting
from curvetape.indexed_reads import IndexedReads
from curvetape.rebuilding import ReadModels
from curvetape.registered import Make, checked, registered
from curvetape.telling import Teller
from domain.partition import Partition
from projections.batch_reads import GraphReads
from projections.candles import Candles
from projections.generation import GenerationError
from projections.holder_reads import Definitions
from projections.holders import Holders
from projections.index_comparison import IndexComparison
from projections.indexing import Indexer
from projections.labels import Thresholds
from projections.leaderboard_reads import LeaderboardReads, Unkept, WithLeaderboards
from projections.leaderboards import Leaderboards
from projections.part_log import PartLog
from projections.partitioning import UnpartitionedError, share
from projections.portfolios import Portfolios
from projections.projection import Hosted, host
from projections.runner import Runner
from projections.runners import Runners
from projections.search import Search
from projections.slots import Slots
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades

READ_CONNECTIONS_MAX = 10
READ_TIMEOUT_S = 5.0
"""A question that takes longer is given up; a page of any read model takes milliseconds."""
POSITIONS_AGE_S_MAX = 0.2
"""How long ago the read models' positions were asked for at most, by which answers are kept."""
NATS_URL = "nats://127.0.0.1:4222"
POSTGRES_DSN = "postgresql://127.0.0.1:5432/curvetape"


def read_models(connections: Connections, others: Sequence[Make] = ()) -> list[Hosted]:
    """Every core whose rows PostgreSQL keeps, with its store; `others` behind ours."""
    return [
        host(Candles(), CandleStore(connections)),
        host(Trades(), TradeStore(connections)),
        host(Tokens(), TokenStore(connections)),
        host(Portfolios(), PortfolioStore(connections)),
        host(Search(), SearchStore(connections)),
        host(Holders(), HolderStore(connections)),
        host(SolPrices(), SolPriceStore(connections)),
        host(Slots(), SlotStore(connections)),
        *(make(connections) for make in others),
    ]


def read_models_of(settings: Settings) -> ReadModels:
    """`read_models` with those that are registered from outside; raises `RegistrationError`."""
    others = registered(settings.projections)
    checked(read_models(NO_CONNECTIONS, others), taken=[Leaderboards.name])
    return lambda connections: read_models(connections, others)


def leaderboards(valkey: Valkey, role: Role = "served") -> Hosted:
    """The core whose rows a Redis or Valkey keeps, where there is one."""
    return host(Leaderboards(), LeaderboardStore(valkey, role=role))


@asynccontextmanager
async def leaderboard_server(settings: Settings) -> AsyncIterator[Valkey]:
    """The Redis or Valkey that keeps leaderboards, which answers just now.

    Raises `GenerationError` where none is set, and `ServerUnreachableError`.
    """
    if settings.redis_url is None:
        raise GenerationError("leaderboards are in a Redis or Valkey; set CURVETAPE_REDIS_URL")
    async with Valkey.at(settings.redis_url, application="curvetape projections") as valkey:
        # Stores wait for a server for an hour, which whoever asks in person shall not have to.
        await Generations(valkey, Leaderboards.name).served()
        yield valkey


def partition_of(settings: Settings) -> Partition | None:
    """The part that `project` takes, None for everything; raises `PartitionError`."""
    partition = Partition.parse(settings.project_part) if settings.project_part else None
    return None if partition is None or partition.parts == 1 else partition


@asynccontextmanager
async def projecting(settings: Settings, only: Sequence[str] = ()) -> AsyncIterator[Runners]:
    """Every read model, fed by one reader of the log for each server that keeps some of them.

    With `CURVETAPE_PROJECT_PART` that part of them, see `projections.partitioning.share`; with
    `only` those of these names. Brings the database's schema up to date. Without a Redis or Valkey
    there are no leaderboards. Raises `UnpartitionedError` where nothing is left to host.
    """
    models, partition = read_models_of(settings), partition_of(settings)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await Connection.open(settings.nats_url or NATS_URL, name="curvetape project")
        )
        dsn = settings.postgres_dsn or POSTGRES_DSN
        await migrate(dsn)
        pool = await open_pool(dsn, application="curvetape project")
        stack.push_async_callback(pool.close)
        teller = Teller(connection, settings)
        stack.callback(teller.close)
        kept = share(models(pool), partition, only)
        groups = [(kept.of_part, partition), (kept.whole, None)]
        if settings.redis_url is not None:
            valkey = Valkey.at(settings.redis_url, application="curvetape project")
            boards = [leaderboards(await stack.enter_async_context(valkey))]
            groups.append((share(boards, partition, only).whole, None))
        if not any(hosted for hosted, _ in groups):
            raise UnpartitionedError(f"part {partition} hosts nothing of what there is")
        log = log_of(settings, connection)
        yield Runners(
            *(
                Runner(
                    log if part is None else PartLog(log, part),
                    hosted,
                    batch_max=settings.project_batch_max,
                    tell=teller.tell,
                    partition=part,
                )
                for hosted, part in groups
                if hosted
            )
        )


def definitions(settings: Settings) -> Definitions:
    """Who among a token's holders counts as what."""
    return Definitions(
        sniper_slots=settings.sniper_slots,
        bundle_slots=settings.bundle_slots,
        bundle_wallets=settings.bundle_wallets,
        insider_percent=settings.insider_percent,
    )


@asynccontextmanager
async def indexing(settings: Settings) -> AsyncIterator[Indexer | None]:
    """What keeps the index in Meilisearch level with the read model; None where there is none."""
    if settings.meili_url is None:
        yield None
        return
    pool = await open_pool(
        settings.postgres_dsn or POSTGRES_DSN,
        connections_max=1,
        application="curvetape project, search index",
    )
    try:
        async with Meili(settings.meili_url, settings.meili_key) as meili:
            yield Indexer(PostgresDocuments(pool), MeiliIndex(meili))
    finally:
        await pool.close()


@asynccontextmanager
async def index_comparison(settings: Settings, *, rows_max: int) -> AsyncIterator[IndexComparison]:
    """The index in Meilisearch beside the read model, where there is one."""
    assert settings.meili_url is not None, "there is an index"
    dsn = settings.postgres_dsn or POSTGRES_DSN
    pool = await open_pool(dsn, connections_max=1, application="curvetape projections, index")
    try:
        async with Meili(settings.meili_url, settings.meili_key) as meili:
            yield IndexComparison(PostgresDocuments(pool), MeiliIndex(meili), rows_max=rows_max)
    finally:
        await pool.close()


@asynccontextmanager
async def reading(
    settings: Settings, *, application: str, connections_max: int = READ_CONNECTIONS_MAX
) -> AsyncIterator[PostgresPairReads]:
    """The read models, as the query side sees them."""
    pool = await open_pool(
        settings.postgres_dsn or POSTGRES_DSN,
        connections_max=connections_max,
        statement_timeout_s=READ_TIMEOUT_S,
        application=application,
    )
    try:
        counted = definitions(settings)
        if settings.meili_url is None:
            yield PostgresPairReads(pool, definitions=counted)
            return
        async with Meili(settings.meili_url, settings.meili_key) as meili:
            index, searched = MeiliIndex(meili), MeiliTokenSearch(meili)
            yield IndexedReads(pool, index, searched, definitions=counted)
    finally:
        await pool.close()


class Served(msgspec.Struct, frozen=True):
    """What one process of the query side runs."""

    app: Any
    """REST, GraphQL and Socket.IO, an ASGI application."""
    feed: Callable[[], Coroutine[Any, Any, None]]
    """Feeds sockets and subscriptions from the log, for ever; without it nobody can subscribe."""


def graph_of(
    settings: Settings,
    reads: GraphReads,
    thresholds: Thresholds,
    editions: Editions,
    leaderboards: LeaderboardReads,
) -> Graph:
    """GraphQL over the read models."""
    folder = settings.graphql_allowed
    return Graph(
        reads,
        thresholds=thresholds,
        editions=editions,
        leaderboards=leaderboards,
        limits=Limits(
            depth_max=settings.graphql_depth_max,
            cost_max=settings.graphql_cost_max,
            introspection=settings.graphql_introspection,
        ),
        allowed=None if folder is None else allowed_in(Path(folder)),
    )


@asynccontextmanager
async def boards(
    settings: Settings, *, application: str, connections_max: int = READ_CONNECTIONS_MAX
) -> AsyncIterator[LeaderboardReads]:
    """The leaderboards, as the query side sees them; each question says so where there are none."""
    if settings.redis_url is None:
        yield Unkept()
        return
    valkey = Valkey.at(
        settings.redis_url,
        application=application,
        connections_max=connections_max,
        answer_timeout_s=READ_TIMEOUT_S,
    )
    async with valkey:
        yield ValkeyLeaderboards(valkey)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Served]:
    """The API over the read models; sockets are told what is new in the log."""
    async with (
        await Connection.open(settings.nats_url or NATS_URL, name="curvetape serve") as connection,
        reading(settings, application="curvetape serve") as reads,
        boards(settings, application="curvetape serve") as ranked,
        # What is kept can be told while slow questions have every other connection.
        reading(settings, application="curvetape serve", connections_max=1) as watched,
        boards(settings, application="curvetape serve", connections_max=1) as watched_boards,
    ):
        thresholds = Thresholds(
            new_s=settings.label_new_s, about_to_graduate=settings.label_about_to_graduate
        )
        origins = [origin.strip() for origin in settings.api_cors_origins.split(",")]
        log = JetStreamLog(connection)
        positions = WithLeaderboards(watched, watched_boards)
        editions = Editions(positions, newest=watched, age_s_max=POSITIONS_AGE_S_MAX)
        hub = Hub(graph_of(settings, reads, thresholds, editions, ranked))
        sockets = Sockets(reads, log, origins=origins, thresholds=thresholds, listeners=[hub.take])
        app = create_app(
            reads,
            log,
            pairs=reads,
            cors_origins=origins,
            thresholds=thresholds,
            editions=editions,
            graph=hub,
            leaderboards=ranked,
            explanations=LogExplanations(log_of(settings, connection), reads),
        )
        async with fronting(settings, editions) as before:
            front = Front(app, before.cache, origins=origins)
            answered = with_sockets(front, sockets)

            async def feed() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(sockets.run())
                    group.create_task(hub.run())
                    group.create_task(before.run())

            yield Served(before.gate(answered, origins, front.at_once), feed)
