"""GraphQL with its subscriptions on a port, and the JavaScript clients that speak to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.app import create_app
from api.graphql.execution import DEFAULT_LIMITS, Graph
from api.graphql.hub import Hub
from api.graphql.limits import Limits
from api.live.sockets import Sockets, with_sockets
from api.live.tail import LiveLog
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.sockets import Client, serving, talking
from projections.batch_reads import GraphReads


@asynccontextmanager
async def serving_graphql(
    reads: GraphReads, log: LiveLog, *, limits: Limits = DEFAULT_LIMITS
) -> AsyncIterator[str]:
    """The API with its sockets and subscriptions; the address of `/graphql`."""
    hub = Hub(Graph(reads, limits=limits))
    sockets = Sockets(reads, log, origins=["*"], listeners=[hub.take])
    app = with_sockets(create_app(reads, MemoryLog(), graph=hub), sockets)
    async with serving(app, sockets.run, hub.run) as url:
        yield f"{url}/graphql"


@asynccontextmanager
async def subscriber(url: str, transport: str) -> AsyncIterator[Client]:
    """A client of graphql-ws or graphql-sse: `ws` or `sse`."""
    async with talking("graphql.mjs", {"url": url, "transport": transport}) as client:
        yield client


def subscribe(client: Client, name: str, query: str, **variables: object) -> None:
    """Have the client subscribe; its answers come as events of that name."""
    client.tell("subscribe", {"name": name, "query": query, "variables": variables})
