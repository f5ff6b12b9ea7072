"""The API over read models in memory, without a server or a socket."""

from collections.abc import Mapping, Sequence

from falcon.testing import TestClient

from api.app import ALL_ORIGINS, create_app
from api.graphql.execution import DEFAULT_LIMITS, Graph
from api.graphql.hub import Hub
from api.graphql.limits import Limits
from curvetape.explained_log import LogExplanations
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET
from curvetape.testing.memory_leaderboards import MemoryLeaderboards
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.pair_reads import MemoryPairReads
from domain.events import AnyEvent

V1 = "/api/v1/tokens"
WALLETS_V1 = "/api/v1/wallets"


class Served:
    """A client, and what stands behind it: `Served().client.get("/api/v1/tokens")`."""

    def __init__(
        self,
        events: Sequence[AnyEvent] = MARKET,
        *,
        cors_origins: Sequence[str] = ALL_ORIGINS,
        limits: Limits = DEFAULT_LIMITS,
        allowed: Mapping[str, str] | None = None,
    ) -> None:
        self.reads = MemoryPairReads(recorded(events))
        self.log = MemoryLog(events)
        self.leaderboards = MemoryLeaderboards(recorded(events))
        app = create_app(
            self.reads,
            self.log,
            pairs=self.reads,
            cors_origins=cors_origins,
            graph=Hub(
                Graph(self.reads, limits=limits, allowed=allowed, leaderboards=self.leaderboards)
            ),
            leaderboards=self.leaderboards,
            explanations=LogExplanations(self.log, self.reads),
        )
        self.client = TestClient(app)

    def add(self, *events: AnyEvent) -> None:
        """Let more happen: in the log and in every read model."""
        self.log.add(*events)
        self.leaderboards.apply(recorded(events, after=self.reads.sequence))
        self.reads.apply(recorded(events, after=self.reads.sequence))
