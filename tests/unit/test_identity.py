"""Who asks: an address, or a key that is known by its digest."""

from typing import Any

import pytest
from click.testing import CliRunner

from api.identity import Identities, IdentityError, KeysError, new_key, read_keys, read_networks
from curvetape.cli import key as key_command

KEY, DIGEST = new_key()
KEYS = read_keys(f"alice={DIGEST}@500")


def _scope(
    *headers: tuple[str, str],
    client: str | None = "203.0.113.7",
    kind: str = "http",
    path: str = "/api/v1/tokens",
    query: str = "",
) -> dict[str, Any]:
    return {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": None if client is None else (client, 4_000),
    }


def test_without_a_key_one_is_who_the_connection_is_from() -> None:
    found = Identities().of(_scope())
    assert (found.kind, found.caller, found.rate) == ("anonymous", "anonymous:203.0.113.7", None)
    assert Identities().of(_scope(client=None)).caller == "anonymous:local"


@pytest.mark.parametrize(
    "sent",
    [("x-api-key", KEY), *(("authorization", f"{it} {KEY}") for it in ("Bearer", "bearer"))],
)
@pytest.mark.parametrize("access", ["open", "key-only"])
def test_a_key_is_known_by_its_digest(access: Any, sent: tuple[str, str]) -> None:
    found = Identities(access=access, keys=KEYS).of(_scope(sent))
    assert (found.kind, found.name, found.rate) == ("key", "alice", 500)
    assert found.address == "203.0.113.7"


@pytest.mark.parametrize("wrong", [KEY[:-1], KEY + "x", DIGEST, "", "é"])
def test_any_other_key_is_refused_also_where_none_is_needed(wrong: str) -> None:
    with pytest.raises(IdentityError, match="not known"):
        Identities(keys=KEYS).of(_scope(("x-api-key", wrong)))


def test_where_a_key_is_needed_nobody_comes_in_without() -> None:
    with pytest.raises(IdentityError, match="X-API-Key"):
        Identities(access="key-only", keys=KEYS).of(_scope())


@pytest.mark.parametrize(("kind", "path"), [("websocket", "/graphql"), ("http", "/socket.io/")])
def test_a_handshake_may_bring_its_key_in_the_query(kind: str, path: str) -> None:
    identities = Identities(access="key-only", keys=KEYS)
    query = f"EIO=4&key={KEY}"
    assert identities.of(_scope(kind=kind, path=path, query=query)).name == "alice"
    with pytest.raises(IdentityError):  # addresses of requests are written down in many places
        identities.of(_scope(query=query))


def test_what_a_client_says_of_its_address_is_not_believed() -> None:
    found = Identities().of(_scope(("x-forwarded-for", "198.51.100.1")))
    assert found.name == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["192.0.2.9, 198.51.100.1"], "198.51.100.1"),
        (["192.0.2.9", "198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        (["10.1.2.3"], "10.1.2.3"),
        (["rubbish"], "10.0.0.1"),
        (["192.0.2.9, rubbish"], "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_is_believed_whom_it_asks_for(forwarded: list[str], address: str) -> None:
    identities = Identities(proxies=read_networks("10.0.0.0/8, 2001:db8::/32"))
    scope = _scope(*(("x-forwarded-for", each) for each in forwarded), client="10.0.0.1")
    assert identities.of(scope).name == address


def test_a_proxy_is_trusted_also_by_a_socket_for_both_kinds_of_addresses() -> None:
    identities = Identities(proxies=read_networks("10.0.0.0/8"))
    said = ("x-forwarded-for", "198.51.100.1, ::ffff:10.0.0.2")
    assert identities.of(_scope(said, client="::ffff:10.0.0.1")).name == "198.51.100.1"


def test_addresses_of_one_customer_are_one_caller() -> None:
    identities = Identities()
    callers = {
        identities.of(_scope(client=it)).caller for it in ("2001:db8::1", "2001:db8::ffff:2")
    }
    assert callers == {"anonymous:2001:db8::/64"}
    assert identities.of(_scope(client="::ffff:203.0.113.7")).name == "203.0.113.7"


@pytest.mark.parametrize(
    "text", ["alice", f"alice={KEY}", f"alice={DIGEST[:-1]}", f"a b={DIGEST}", f"alice={DIGEST}@0"]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(KeysError, match="curvetape key"):
        read_keys(text)


def test_a_name_belongs_to_one_key() -> None:
    with pytest.raises(KeysError, match="two keys are named alice"):
        read_keys(f"alice={DIGEST},alice={DIGEST}")


def test_the_command_makes_a_key_that_its_setting_lets_in() -> None:
    result = CliRunner().invoke(key_command.command, ["bob", "--rate", "7"])
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    identities = Identities(access="key-only", keys=read_keys(lines["setting"]))
    found = identities.of(_scope(("x-api-key", lines["key"])))
    assert (found.name, found.rate) == ("bob", 7)
    assert lines["key"] not in lines["setting"]
    assert CliRunner().invoke(key_command.command, ["a b"]).exit_code == 2
