"""The servers that any test may ask for."""

from curvetape.testing.servers import (
    nats_server,
    nats_url,
    postgres_dsn,
    postgres_server,
    server_folder,
    valkey_server,
)

__all__ = [
    "nats_server",
    "nats_url",
    "postgres_dsn",
    "postgres_server",
    "server_folder",
    "valkey_server",
]
