"""How the library is told where its database is."""

from collections.abc import Sequence
from urllib.parse import urlsplit


def library_environment(url: str) -> Sequence[str]:
    """`NAME=value` of what its PostgreSQL recorders ask for."""
    address = urlsplit(url)
    return [
        "PERSISTENCE_MODULE=eventsourcing.postgres",
        f"POSTGRES_DBNAME={address.path[1:]}",
        f"POSTGRES_HOST={address.hostname}",
        f"POSTGRES_PORT={address.port}",
        f"POSTGRES_USER={address.username}",
        f"POSTGRES_PASSWORD={address.password}",
    ]
