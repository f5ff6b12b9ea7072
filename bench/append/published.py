"""The peer: nats-py's own `publish_async`, as many under way at once as it allows by itself."""

import asyncio
from collections.abc import Sequence
from typing import Self

import nats
from nats.aio.client import Client
from nats.js.api import Header

from domain.events import AnyEvent, encode


class Publishing:
    """A message and an acknowledgement for each event."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._jetstream = client.jetstream()

    @classmethod
    async def open(cls, url: str, _monitor_url: str) -> Self:
        """Connect."""
        return cls(await nats.connect(url))

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def append(self, events: Sequence[AnyEvent]) -> None:
        """Encode and publish in order; return once all is acknowledged."""
        publish = self._jetstream.publish_async
        acks = [
            await publish(event.subject, encode(event), headers={Header.MSG_ID: event.id})
            for event in events
        ]
        answers = await asyncio.gather(*acks)
        assert not any(answer.duplicate for answer in answers), "their ids are new"
