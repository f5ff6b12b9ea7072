"""Where a Yellowstone server is, and how a connection to it is made."""

from collections.abc import Sequence
from urllib.parse import urlsplit

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

Stream = grpc.aio.StreamStreamCall[pb.SubscribeRequest, bytes]


class EndpointError(SourceError):
    """An endpoint cannot be used, and trying again will not help."""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(f"{endpoint}: {reason}")
        self.endpoint = endpoint
        self.reason = reason


class Endpoint:
    """An address, `http://host:port` or `https://host[:port]`, and the token it wants."""

    def __init__(self, url: str, *, x_token: str | None = None) -> None:
        """`EndpointError` if the address is of another form."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise EndpointError(url, "not http://host:port or https://host")
        self.url = url
        self._secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._target = f"{host}:{parts.port or (443 if self._secure else 80)}"
        self._metadata = (("x-token", x_token),) if x_token is not None else ()

    def connect(self) -> "Connection":
        """A connection of its own, made when it is first used."""
        if self._secure:
            credentials = grpc.ssl_channel_credentials()
            channel = grpc.aio.secure_channel(self._target, credentials, options=_OPTIONS)
        else:
            channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        return Connection(channel, self._metadata)


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
