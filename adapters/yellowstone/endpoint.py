"""Where a Yellowstone server is, and how a connection to it is made."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import grpc
from google.protobuf.message import Message

from adapters.yellowstone.selection import Commitment
from adapters.yellowstone.wire import geyser_pb2 as pb
from domain.chain import SourceError

MESSAGE_BYTES_MAX = 64 << 20
KEEPALIVE_INTERVAL_S = 15
KEEPALIVE_WAIT_S_MAX = 10
ANSWER_WAIT_S_MAX = 10.0
SLOT_MAX = 1 << 62
"""A server that has nothing to replay yet may name the highest number there is."""

_SERVICE = "/geyser.Geyser/"
_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_INTERVAL_S * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_WAIT_S_MAX * 1000),
    ("grpc.http2.max_pings_without_data", 0),
    # Each connection stands for itself: when to try again is decided by the source alone.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)

Compression: TypeAlias = Literal["gzip", "none"]

_FORM = "not http://host:port or https://host"
_COMPRESSIONS: Mapping[str, Compression] = {"gzip": "gzip", "none": "none"}
_QUIRKS: Mapping[str, Sequence[str]] = {
    "token": (),
    "blocks": ("yes", "no"),
    "compression": tuple(_COMPRESSIONS),
}
"""Keys of an address's query with the values that each can have; none for any."""

Stream = grpc.aio.StreamStreamCall[pb.SubscribeRequest, bytes]


class EndpointError(SourceError):
    """An endpoint cannot be used, and trying again will not help."""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(f"{endpoint}: {reason}")
        self.endpoint = endpoint
        self.reason = reason


class Endpoint:
    """An address, the token it wants, and how its provider differs from others."""

    def __init__(
        self,
        url: str,
        *,
        x_token: str | None = None,
        blocks: bool = True,
        compression: Compression | None = None,
    ) -> None:
        """The address is `http://host:port` or `https://host[:port]`; `EndpointError` if not.

        Without `blocks` the provider is not asked for filtered blocks. `compression` is `none`
        to take no compressed updates, `gzip` to compress requests, too; by default the server
        chooses among identity, deflate and gzip.
        """
        shown = _shown(url)
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise EndpointError(shown, _FORM) from error
        only_an_address = not (parts.path.strip("/") or parts.query or parts.fragment)
        named = "@" in parts.netloc
        known = parts.scheme in {"http", "https"} and parts.hostname
        if not known or named or not only_an_address:
            raise EndpointError(shown, _FORM)
        assert parts.hostname is not None
        if x_token is not None and not (x_token and x_token.isascii() and x_token.isprintable()):
            raise EndpointError(shown, "the token is empty or has characters that no token has")
        self.url = shown
        self.blocks = blocks
        self._secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._target = f"{host}:{port or (443 if self._secure else 80)}"
        self._metadata = (("x-token", x_token),) if x_token is not None else ()
        self._compression = compression

    @classmethod
    def parse(cls, text: str, *, x_token: str | None = None) -> "Endpoint":
        """From a line of configuration: `https://host?token=...&blocks=no&compression=none`.

        `x_token` is for an address that names none itself. `EndpointError` says what in it is
        wrong, without repeating a secret.
        """
        address, _, query = text.strip().partition("?")
        quirks = _quirks(_shown(address), query)
        compression = quirks.get("compression")
        return cls(
            address,
            x_token=quirks.get("token", x_token),
            blocks=quirks.get("blocks", "yes") == "yes",
            compression=_COMPRESSIONS[compression] if compression is not None else None,
        )

    def connect(self) -> "Connection":
        """A connection of its own, made when it is first used."""
        options, compression = _OPTIONS, grpc.Compression.NoCompression
        if self._compression == "none":
            options = (*_OPTIONS, ("grpc.compression_enabled_algorithms_bitset", 1))
        elif self._compression == "gzip":
            compression = grpc.Compression.Gzip
        if self._secure:
            channel = grpc.aio.secure_channel(
                self._target, grpc.ssl_channel_credentials(), options, compression
            )
        else:
            channel = grpc.aio.insecure_channel(self._target, options, compression)
        return Connection(channel, self._metadata)


def _quirks(shown: str, query: str) -> Mapping[str, str]:
    """The address's query by key, each key known and each value one that it can have."""
    quirks: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in _QUIRKS:
            known = ", ".join(_QUIRKS)
            # A token that holds an & would end up here, so no key is repeated.
            reason = f"has a key that is not known in its query; known are {known}"
            raise EndpointError(shown, f"{reason}, and an & in a token is written %26")
        if key in quirks:
            raise EndpointError(shown, f"has {key!r} twice in its query; say it once")
        allowed = _QUIRKS[key]
        if allowed and value not in allowed:
            raise EndpointError(shown, f"{key} was {value!r}; it can be {' or '.join(allowed)}")
        quirks[key] = unquote(value)
    return quirks


def _shown(url: str) -> str:
    """The address without anything that may be a secret."""
    scheme, found, rest = url.partition("://")
    host = re.match(r"[\w.\-\[\]:]*", rest.rpartition("@")[2]) if found else None
    if host is None:
        return url if re.fullmatch(r"[\w.\-]+:\d+", url) else "an endpoint's address"
    return f"{scheme}://{host.group()}"


class Connection:
    """The calls of the service that we make; each fails with `grpc.aio.AioRpcError`."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]) -> None:
        self._channel = channel
        self._metadata = metadata

    async def close(self) -> None:
        """End every call."""
        await self._channel.close()

    async def subscribe(self, request: pb.SubscribeRequest) -> Stream:
        """Open a stream; its updates come as bytes."""
        method: grpc.aio.StreamStreamMultiCallable[pb.SubscribeRequest, bytes]
        method = self._channel.stream_stream(
            f"{_SERVICE}Subscribe",
            request_serializer=pb.SubscribeRequest.SerializeToString,
        )
        stream = method(metadata=self._metadata)
        await stream.write(request)
        return stream

    async def first_available(self) -> int | None:
        """The oldest slot that can be replayed; None if the server has no replay."""
        answer = pb.SubscribeReplayInfoResponse()
        try:
            await self._ask("SubscribeReplayInfo", pb.SubscribeReplayInfoRequest(), answer)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise
        known = answer.HasField("first_available") and answer.first_available < SLOT_MAX
        return answer.first_available if known else None

    async def newest_slot(
        self, commitment: Commitment, *, wait_s_max: float = ANSWER_WAIT_S_MAX
    ) -> int:
        """The newest slot at a commitment."""
        answer = pb.GetSlotResponse()
        request = pb.GetSlotRequest(commitment=commitment)
        await self._ask("GetSlot", request, answer, wait_s_max=wait_s_max)
        return answer.slot

    async def _ask(
        self,
        method: str,
        request: Message,
        answer: Message,
        *,
        wait_s_max: float = ANSWER_WAIT_S_MAX,
    ) -> None:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        call = self._channel.unary_unary(_SERVICE + method)
        answer.ParseFromString(
            await call(request.SerializeToString(), metadata=self._metadata, timeout=wait_s_max)
        )
