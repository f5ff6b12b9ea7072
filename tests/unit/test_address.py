"""What is said of an address gives no password away."""

import pytest
from click.testing import CliRunner

from adapters.address import public
from adapters.jetstream import connection
from adapters.jetstream.connection import Connection
from adapters.postgres.errors import DatabaseUnreachableError
from adapters.postgres.migrations import migrate
from curvetape.cli import settings
from domain.log import LogUnavailableError


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://u:secret@a:1,nats://secret@b:2", "nats://a:1,nats://b:2"),
        ("u:secret@a:1,u:secret@b:2", "a:1,b:2"),
        ("postgresql://u:secret@h:5432/db?sslmode=disable", "postgresql://h:5432/db"),
        ("postgresql:///db?host=/tmp&password=secret", "postgresql:///db"),
    ],
)
def test_an_address_is_shown_without_credentials(address: str, shown: str) -> None:
    assert public(address) == shown


async def test_a_log_out_of_reach_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CONNECT_WAIT_S_MAX", 0.3)
    with pytest.raises(LogUnavailableError, match=r"^nats://127\.0\.0\.1:1 could not") as refused:
        await Connection.open("nats://u:secret@127.0.0.1:1")
    assert "CURVETAPE_NATS_URL" in str(refused.value)


@pytest.mark.parametrize("dsn", ["postgresql://u:secret@127.0.0.1:1/db", "u:secret@nowhere"])
async def test_a_database_out_of_reach_is_named_without_its_password(dsn: str) -> None:
    with pytest.raises(DatabaseUnreachableError, match="CURVETAPE_POSTGRES_DSN") as refused:
        await migrate(dsn)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["NATS_URL", "POSTGRES_DSN", "REDIS_URL", "YELLOWSTONE_TOKEN"])
def test_the_settings_are_shown_without_secrets(name: str) -> None:
    variables = {f"CURVETAPE_{name}": "scheme://u:secret@host"}
    result = CliRunner(env=variables).invoke(settings.command, ["--json"])
    assert result.exit_code == 0
    assert "secret" not in result.output
