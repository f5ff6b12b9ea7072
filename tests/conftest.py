"""The servers that any test may ask for, and no limit on the time of a property's example."""

from hypothesis import settings

from curvetape.testing.log import fresh_nats, live_log
from curvetape.testing.meilisearch import meili_server
from curvetape.testing.permissions import guarded
from curvetape.testing.servers import (
    nats_server,
    nats_url,
    postgres_dsn,
    postgres_server,
    server_folder,
    valkey_server,
)
from curvetape.testing.timescale import database_dsn, timescale_dsn, timescale_server

# A busy machine is no failure: what hangs is ended by pytest's own limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

__all__ = [
    "database_dsn",
    "fresh_nats",
    "guarded",
    "live_log",
    "meili_server",
    "nats_server",
    "nats_url",
    "postgres_dsn",
    "postgres_server",
    "server_folder",
    "timescale_dsn",
    "timescale_server",
    "valkey_server",
]
