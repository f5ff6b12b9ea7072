"""Who a request is from: the one place where that is decided, for every way in."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl

import msgspec

Access: TypeAlias = Literal["open", "key-only"]

IDENTITY = "curvetape.identity"
"""In an ASGI scope: the request's `Identity`."""
KEY_PREFIX = "ct_"
KEY_BYTES = 32
"""Of chance in a key, which is why a plain digest of it can be told."""
IPV6_PREFIX_BITS = 64
"""What one customer of a provider has at least, and changes within as he likes."""
NO_ADDRESS = "local"
"""Whoever comes by a socket that has no addresses."""

_BEARER = re.compile(rb"bearer +(\S+)", re.IGNORECASE)
_WRITTEN = re.compile(r"([A-Za-z0-9._-]{1,64})=([0-9a-f]{64})(?:@([1-9][0-9]{0,6}))?")
_Network: TypeAlias = IPv4Network | IPv6Network


class Key(msgspec.Struct, frozen=True):
    """A key that is known by its digest only."""

    name: str
    digest: bytes
    rate: int | None = None
    """Requests a second that it may make; None for as many as everyone."""


class Identity(msgspec.Struct, frozen=True):
    """Who asks. A user with a wallet will be a third kind, decided here as these are."""

    kind: Literal["anonymous", "key"]
    name: str
    """The key's; for an anonymous one its address."""
    address: str
    """As the nearest proxy that is not trusted, or the client itself, has it."""
    rate: int | None = None

    @property
    def caller(self) -> str:
        """Whose requests are counted together."""
        return f"{self.kind}:{self.name}"


class IdentityError(Exception):
    """There is no identity; the sentence is for who asked."""


class KeysError(ValueError):
    """Text that should be keys is none."""


def new_key() -> tuple[str, str]:
    """A key, and the digest to keep in the settings."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return key, digest(key.encode()).hex()


def digest(key: bytes) -> bytes:
    """What is kept of a key; without salt or stretching, as nobody can guess 256 bits."""
    return hashlib.sha256(key).digest()


def read_keys(text: str) -> list[Key]:
    """Keys as `name=digest` or `name=digest@rate`, by commas; raises `KeysError`."""
    keys: list[Key] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        found = _WRITTEN.fullmatch(part)
        if found is None:
            raise KeysError(f"{part[:20]!r}… is no key's name=digest, as `curvetape key` prints it")
        name, hexed, rate = found.groups()
        if name in {each.name for each in keys}:
            raise KeysError(f"two keys are named {name}")
        keys.append(Key(name, bytes.fromhex(hexed), None if rate is None else int(rate)))
    return keys


def read_networks(text: str) -> list[_Network]:
    """Addresses and networks by commas; raises `ValueError`."""
    return [ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()]


class Identities:
    """Decides, from an ASGI scope, who a request or a handshake is from."""

    def __init__(
        self,
        *,
        access: Access = "open",
        keys: Sequence[Key] = (),
        proxies: Sequence[_Network] = (),
    ) -> None:
        """`proxies` are believed what they say of whom they ask for in `X-Forwarded-For`."""
        self.access = access
        self._keys: Mapping[bytes, Key] = {each.digest[:8]: each for each in keys}
        self._proxies = tuple(proxies)
        self._anonymous = lru_cache(10_000)(_anonymous)
        self._behind = lru_cache(10_000)(self._resolved)

    def nobody(self, scope: Mapping[str, Any]) -> Identity:
        """Who asks, where no key is looked at."""
        forwarded = b",".join(it[1] for it in scope["headers"] if it[0] == b"x-forwarded-for")
        return self._anonymous(self._address(scope, forwarded or None))

    def of(self, scope: Mapping[str, Any]) -> Identity:
        """Who asks; raises `IdentityError` for a key that is not known, and where one is missing.

        A key is in `X-API-Key`, or in `Authorization: Bearer …`; where a browser cannot set
        headers, in a WebSocket's or Socket.IO's handshake, in the query's `key`.
        """
        given = forwarded = None
        for name, value in scope["headers"]:
            if name == b"x-api-key":
                given = value
            elif name == b"authorization":
                if (bearer := _BEARER.fullmatch(value)) is not None:
                    given = bearer[1]
            elif name == b"x-forwarded-for":
                forwarded = value if forwarded is None else forwarded + b"," + value
        address = self._address(scope, forwarded)
        if given is None and b"key=" in scope["query_string"] and is_handshake(scope):
            given = dict(parse_qsl(scope["query_string"])).get(b"key")
        if given is not None:
            return self._of_key(given, address)
        if self.access == "key-only":
            raise IdentityError(
                "a key is needed: send it as X-API-Key, or as Authorization: Bearer"
            )
        return self._anonymous(address)

    def _address(self, scope: Mapping[str, Any], forwarded: bytes | None) -> str:
        client = scope.get("client")
        address: str = NO_ADDRESS if client is None else client[0]
        if forwarded is None or not self._proxies:
            return address
        return self._behind(address, forwarded)

    def _of_key(self, given: bytes, address: str) -> Identity:
        found = digest(given)
        key = self._keys.get(found[:8])
        if key is None or not hmac.compare_digest(key.digest, found):
            raise IdentityError("the key is not known; without one, leave the header out")
        return Identity("key", key.name, address, key.rate)

    def _resolved(self, peer: str, forwarded: bytes) -> str:
        """The last address that a trusted proxy names and that is no trusted proxy itself."""
        address = peer
        for named in reversed(forwarded.decode("latin-1").split(",")):
            if not self._trusts(address):
                return address
            try:
                address = str(ip_address(named.strip()))
            except ValueError:
                return address  # a proxy of ours would not have written that
        return address

    def _trusts(self, address: str) -> bool:
        try:
            parsed = _unmapped(ip_address(address))
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def is_handshake(scope: Mapping[str, Any]) -> bool:
    """Whether it opens something that lasts, where a browser's page can set no headers."""
    path: str = scope["path"]
    return scope["type"] == "websocket" or path.startswith("/socket.io")


def _anonymous(address: str) -> Identity:
    try:
        parsed = _unmapped(ip_address(address))
    except ValueError:
        return Identity("anonymous", address, address)
    if isinstance(parsed, IPv6Address):
        network = ip_network((parsed, IPV6_PREFIX_BITS), strict=False)
        return Identity("anonymous", str(network), address)
    return Identity("anonymous", str(parsed), address)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address as itself, also where a socket for both kinds writes it as one of IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
