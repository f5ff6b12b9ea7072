"""A Yellowstone gRPC server over a hub: what a client cannot tell from a validator's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from hmac import compare_digest
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from adapters.yellowstone.answers import Answers, NotAvailableError
from adapters.yellowstone.hub import Hub
from adapters.yellowstone.subscription import (
    LAG_TRANSACTIONS_MAX,
    PING_INTERVAL_S,
    Subscription,
    Write,
)
from adapters.yellowstone.wire import geyser_pb2 as pb

SERVICE = "geyser.Geyser"
TOKEN_KEY = "x-token"  # noqa: S105  # the name of a header
REQUEST_BYTES_MAX = 4 << 20
STOP_GRACE_S = 0.2

_OPTIONS = (
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a second server on the port is a mistake, not a partner
    # Clients of other makes ping as they please; a validator does not cut them for it.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)

Context = grpc.aio.ServicerContext[Any, Any]
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class ListenError(Exception):
    """The address cannot be listened on."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"cannot listen on {address}: {reason}; is another server there? Choose another "
            "port, or 0 for any free one"
        )
        self.address = address


class YellowstoneServer:
    """Serves a hub on one address, without TLS; several subscribers share every encoded update.

    gzip and deflate are understood; zstd is not, since grpcio does not have it.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        address: str = "127.0.0.1:0",
        x_token: str | None = None,
        ping_interval_s: float = PING_INTERVAL_S,
        lag_transactions_max: int = LAG_TRANSACTIONS_MAX,
    ) -> None:
        """`address` is `host:port`; port 0 takes a free one, see `port` after the start."""
        self._hub = hub
        self._address = address
        self.x_token = x_token
        """What clients have to send from now on; None lets all in."""
        self._ping_interval_s = ping_interval_s
        self._lag_transactions_max = lag_transactions_max
        self._server: grpc.aio.Server | None = None
        self._subscriptions: set[Subscription] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"http://{self._address.rpartition(':')[0]}:{self.port}"

    async def start(self) -> None:
        """Listen; `ListenError` says why that cannot be."""
        server = grpc.aio.server(options=_OPTIONS)
        answers = Answers(self._hub)
        methods = {
            "Subscribe": grpc.stream_stream_rpc_method_handler(
                self._subscribe, request_deserializer=pb.SubscribeRequest.FromString
            ),
            "SubscribeReplayInfo": self._unary(pb.SubscribeReplayInfoRequest, answers.replay_info),
            "Ping": self._unary(pb.PingRequest, answers.ping),
            "GetLatestBlockhash": self._unary(
                pb.GetLatestBlockhashRequest, answers.latest_blockhash
            ),
            "GetBlockHeight": self._unary(pb.GetBlockHeightRequest, answers.block_height),
            "GetSlot": self._unary(pb.GetSlotRequest, answers.slot),
            "IsBlockhashValid": self._unary(pb.IsBlockhashValidRequest, answers.blockhash_valid),
            "GetVersion": self._unary(pb.GetVersionRequest, answers.version),
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, methods)
        server.add_generic_rpc_handlers((handler,))
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise ListenError(self._address, str(error)) from error
        await server.start()
        self._server = server

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop listening, and cut every stream that has not ended after `grace_s`."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None

    def cut(self, code: grpc.StatusCode, details: str) -> int:
        """End every stream with a status, as a node does that fails; how many there were."""
        for subscription in self._subscriptions:
            subscription.stop(code, details)
        return len(self._subscriptions)

    def subscription(self, write: Write) -> Subscription:
        """A new subscriber's walk through the chain."""
        return Subscription(
            self._hub,
            write,
            ping_interval_s=self._ping_interval_s,
            lag_transactions_max=self._lag_transactions_max,
        )

    async def _subscribe(
        self, requests: AsyncIterator[pb.SubscribeRequest], context: Context
    ) -> None:
        await self._admit(context)
        # Some clients send their first request only after the stream has answered.
        await context.send_initial_metadata(())
        subscription = self.subscription(context.write)
        self._subscriptions.add(subscription)
        reading = asyncio.create_task(_read(requests, subscription))
        try:
            end = await subscription.run()
        finally:
            reading.cancel()
            self._subscriptions.discard(subscription)
        await context.abort(end.code, end.details)

    async def _admit(self, context: Context) -> None:
        if self.x_token is None:
            return
        given = dict(context.invocation_metadata() or ()).get(TOKEN_KEY, "")
        if not compare_digest(str(given).encode(), self.x_token.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "No valid auth token")

    def _unary(
        self, request: type[Q], answer: Callable[[Q], A]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        async def handle(asked: Q, context: Context) -> bytes:
            await self._admit(context)
            try:
                return answer(asked).SerializeToString()
            except NotAvailableError as error:
                await context.abort(grpc.StatusCode.INTERNAL, str(error))

        return grpc.unary_unary_rpc_method_handler(handle, request_deserializer=request.FromString)


async def _read(requests: AsyncIterator[pb.SubscribeRequest], subscription: Subscription) -> None:
    async for request in requests:
        subscription.take(request)
