"""A Yellowstone endpoint as a source: always connected again, from where nothing is missed.

Two streams on one connection: confirmed blocks, which are the truth, and transactions as soon as
they are executed. Measured with 3 KB updates on one host and core: a `grpc.aio` read costs 59 us,
its iterator 74, a synchronous stream in a thread of its own 58 before any hand-over; so one task
reads each.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence

import grpc

from adapters.yellowstone.backoff import Backoff
from adapters.yellowstone.connected import Connected, Reading
from adapters.yellowstone.endpoint import Connection, Endpoint, EndpointError
from adapters.yellowstone.failures import Remedy, final, remedy, sentence
from adapters.yellowstone.health import Health
from adapters.yellowstone.inbox import BYTES_MAX, Inbox
from adapters.yellowstone.limits import Limits
from adapters.yellowstone.origin import Origin
from adapters.yellowstone.session import DamagedError, StreamError, TooSlowError
from adapters.yellowstone.updates import Updates
from domain.chain import ChainUpdate
from domain.programs import PROGRAMS, PYTH_SOL_USD

BATCH_MAX = 500
BATCH_BYTES_MAX = 4 << 20
"""Blocks are big: a batch ends with the update that passes this."""
REFUSALS_MAX = 3
"""Refused starting slots in a row after which the stream begins at the head of the chain."""
DAMAGES_MAX = 3
"""Damaged updates behind the same slot after which only a person can help."""

_log = logging.getLogger(__name__)


class YellowstoneSource:
    """Reads the transactions of programs, early and in confirmed blocks, from one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        owed: Callable[[], int | None],
        programs: Sequence[str] = PROGRAMS,
        accounts: Sequence[str] = PYTH_SOL_USD,
        limits: Limits | None = None,
        early: bool = True,
        batch_max: int = BATCH_MAX,
        bytes_max: int = BYTES_MAX,
        backoff: Backoff | None = None,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        """`owed` is asked at every connection: the slot from which on nothing may be missed.

        When it answers None nothing is owed, and the stream starts at the oldest slot that the
        endpoint can replay. Unless `early`, transactions come with their confirmed blocks only.
        `say` is told, in one sentence, of every interruption. At most
        `bytes_max` bytes, and one update for each stream, wait for whoever reads the batches.
        """
        self.health = Health(name=endpoint.url, mode="blocks" if endpoint.blocks else "meta")
        self._endpoint = endpoint
        self._owed = owed
        self._reading = Reading(
            programs=tuple(programs),
            accounts=tuple(accounts),
            limits=limits or Limits(),
            early=early,
            say=lambda what: say(f"{endpoint.url}: {what}"),
        )
        self._batch_max = batch_max
        self._bytes_max = bytes_max
        self._backoff = backoff or Backoff()
        self._refusals = 0
        self._damages = 0
        self._damaged_after = -1

    @property
    def name(self) -> str:
        """The endpoint's address, without secrets."""
        return self._endpoint.url

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        """Everything that has arrived, in batches of at most `batch_max` and a few megabytes.

        The iterator does not end; `EndpointError` when only a person can help.
        """
        limits = self._reading.limits
        inbox = Inbox(bytes_max=self._bytes_max)
        updates = Updates(self.health, limits, self._reading.say)
        streaming = asyncio.create_task(self._stream(inbox))
        streaming.add_done_callback(lambda _: inbox.close())
        heard_s = time.monotonic()
        try:
            while not (inbox.closed and inbox.empty):
                items = await inbox.take(
                    self._batch_max, BATCH_BYTES_MAX, wait_s_max=limits.settle_s
                )
                read = updates.read(items)
                if any(origin.mode is not None for _, _, origin in items):
                    heard_s = time.monotonic()
                elif updates.waits and self._rests(quiet_since_s=heard_s):
                    read += updates.rest()
                for origin in updates.take_damaged():
                    self._count(origin)
                if read:
                    yield read
            await streaming
        finally:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)

    def _rests(self, *, quiet_since_s: float) -> bool:
        """Whether the endpoint itself has said that nothing follows what came last.

        That nothing comes is no sign: a stream can fall silent in the middle of a block.
        """
        health, settle_s = self.health, self._reading.limits.settle_s
        asked_while_quiet = health.asked_s - quiet_since_s >= settle_s
        return asked_while_quiet and health.confirmed_slot <= health.slot

    async def _stream(self, inbox: Inbox) -> None:
        while True:
            started_s = time.monotonic()
            connection = self._endpoint.connect()
            try:
                ended = await self._stream_once(connection, inbox)
            finally:
                self.health.connected = False
                await connection.close()
            wait_s = self._backoff.next_wait_s(lived_s=time.monotonic() - started_s)
            self.health.last_error = ended
            self.health.reconnects += 1
            self._reading.say(f"{ended}; connecting again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    async def _stream_once(self, connection: Connection, inbox: Inbox) -> str:
        """Why the stream ended, where that can be mended."""
        connected = Connected(
            connection, inbox, self.health, self._reading, self._backoff.another()
        )
        try:
            await connected.run(await self._start(connection))
        except TooSlowError as error:
            self.health.mode = "meta"
            return str(error)
        except StreamError as error:
            return str(error)
        except grpc.aio.AioRpcError as error:
            return self._mend(error)
        finally:
            if self.health.connected:
                self._refusals = 0
        return "the server ended the stream"

    def _mend(self, error: grpc.aio.AioRpcError) -> str:
        todo = remedy(error)
        if todo is Remedy.START_LATER:
            self._refusals += 1
        elif todo is Remedy.READ_METAS and self.health.mode == "blocks":
            self.health.mode = "meta"
            return (
                f"it does not give filtered blocks ({sentence(error)}), so block metas and "
                "transactions are put together from now on"
            )
        elif todo in {Remedy.READ_METAS, Remedy.GIVE_UP}:
            raise self._given_up(final(self._endpoint.url, error)) from error
        return sentence(error)

    async def _start(self, connection: Connection) -> int | None:
        """The slot at which the next stream starts; None for the head of the chain."""
        wanted = self._owed()
        if wanted is not None and not self._refusals:
            return wanted
        first = None
        if self._refusals < REFUSALS_MAX:
            first = await connection.first_available()
        if first is not None and wanted is not None:
            first = max(first, wanted)
        if wanted is not None and first != wanted:
            begin = "at the head of the chain" if first is None else f"with slot {first}"
            self._reading.say(
                f"slot {wanted} is owed and cannot be replayed, so the stream begins {begin}; what "
                "lies between has to come from another source"
            )
        return first

    def _count(self, origin: Origin) -> None:
        """Take note of a damaged stream; `EndpointError` if it is not the first of its kind."""
        error = DamagedError(origin.damage, origin.slot)
        self._reading.say(str(error))
        if origin.mode is None:
            return  # the confirmed block brings what an early transaction did not
        self._damages = self._damages + 1 if origin.slot == self._damaged_after else 1
        self._damaged_after = origin.slot
        if self._damages >= DAMAGES_MAX:
            reason = f"{error}; this was seen {DAMAGES_MAX} times in a row, so check the address"
            raise self._given_up(
                EndpointError(self._endpoint.url, f"{reason}, or ask its provider")
            )

    def _given_up(self, error: EndpointError) -> EndpointError:
        self.health.last_error = error.reason
        return error
