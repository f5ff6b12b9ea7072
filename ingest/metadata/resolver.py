"""The loop of the metadata resolver: what the log wants described is fetched and appended to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from domain.cancellation import go_on
from domain.document import Answer, Fetched, Unfetched
from domain.events import TokenDescribed, encode
from domain.log import Appended, Appender, Entry, OutpacedError, Recorded
from ingest.metadata.addresses import addresses
from ingest.metadata.attempts import Attempts, Documents
from ingest.metadata.backlog import ATTEMPTS_MAX, NS_PER_S, Backlog, Wanted
from ingest.metadata.description import Description, described, sentence

APPENDED_MAX = 100
"""Descriptions that are appended together."""
FULL_WAIT_S = 1.0
"""How often it is looked whether the log may be read further."""
IDLE_WAIT_S_MAX = 60.0

Held = Callable[[str], Awaitable[Recorded | None]]
"""The newest `token.described` that the log holds of a mint."""


class Progress(msgspec.Struct):
    """What a resolver has done since it was started."""

    described: int = 0
    failed: int = 0
    """Attempts that failed, those that are made again too."""
    given_up: int = 0
    """Tokens that will not be asked for any more."""


class _Answered(msgspec.Struct, frozen=True):
    wanted: Wanted
    outcome: Description | Unfetched
    received_at_ns: int


class Resolver:
    """Reads the log behind what is complete of it; ends when the log does, or fails with it."""

    def __init__(
        self,
        *,
        log: Appender,
        held: Held,
        documents: Documents,
        gateways: Sequence[str],
        after: int,
        parallel_max: int,
        rate_per_s: float,
        attempts: Attempts | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self.backlog = Backlog(after=after)
        self._log = log
        self._held = held
        self._attempts = attempts or Attempts(documents)
        self._gateways = gateways
        self._parallel = asyncio.Semaphore(parallel_max)
        self._wait_s = 1 / rate_per_s
        self._next_s = 0.0
        self._now_ns = now_ns
        self._changed = asyncio.Event()
        self._answered: asyncio.Queue[_Answered | None] = asyncio.Queue(parallel_max)
        self._read_all = False

    async def run(self, batches: AsyncIterator[Sequence[Recorded]]) -> None:
        """Until the log ends and nothing is due; `batches` is what of it is about tokens and slots.

        What waits for a later attempt then is left to the next run.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(batches))
            tasks.create_task(self._ask())
            tasks.create_task(self._write())

    async def _read(self, batches: AsyncIterator[Sequence[Recorded]]) -> None:
        async for batch in batches:
            go_on()
            for recorded in batch:
                self.backlog.take(recorded.sequence, recorded.event)
            self.backlog.passed(batch[-1].sequence)
            self._changed.set()
            while self.backlog.is_full:  # noqa: ASYNC110  # seldom, and for hours
                await asyncio.sleep(FULL_WAIT_S)
        self._read_all = True
        self._changed.set()

    async def _ask(self) -> None:
        async with asyncio.TaskGroup() as asking:
            while True:
                await self._parallel.acquire()
                wanted = await self._due()
                if wanted is None:
                    break
                await self._pace()
                asking.create_task(self._describe(wanted))
        await self._answered.put(None)

    async def _due(self) -> Wanted | None:
        """The next token to ask for; None once there is none and none will come."""
        while True:
            self._changed.clear()
            now_ns = self._now_ns()
            if (wanted := self.backlog.next(now_ns)) is not None:
                return wanted
            if self._read_all:
                return None
            due_ns = self.backlog.next_due_ns
            wait_s = IDLE_WAIT_S_MAX
            if due_ns is not None:
                wait_s = min(wait_s, max(0.0, (due_ns - now_ns) / NS_PER_S))
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _pace(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._next_s = max(now_s, self._next_s + self._wait_s)
        if self._next_s > now_s:
            await asyncio.sleep(self._next_s - now_s)

    async def _describe(self, wanted: Wanted) -> None:
        try:
            # Somebody else may have been faster, and the log's own word counts.
            held = await self._held(wanted.mint)
            go_on()
            if held is not None and held.sequence > wanted.follows:
                self._take(wanted.mint, held)
                return
            if held is None and wanted.follows:  # the stream has let go of it
                wanted = msgspec.structs.replace(wanted, follows=0)
            outcome = await self._outcome(wanted.uri)
            await self._answered.put(_Answered(wanted, outcome, self._now_ns()))
        finally:
            self._parallel.release()

    async def _outcome(self, uri: str) -> Description | Unfetched:
        places = addresses(uri, self._gateways)
        if isinstance(places, Unfetched):
            return places
        answer: Answer = await self._attempts.ask(places)
        return described(answer.body) if isinstance(answer, Fetched) else answer

    async def _write(self) -> None:
        going_on = True
        while going_on:
            go_on()
            answered = await self._answered.get()
            batch: list[_Answered] = []
            while answered is not None:
                batch.append(answered)
                if len(batch) == APPENDED_MAX or self._answered.empty():
                    break
                answered = self._answered.get_nowait()
            going_on = answered is not None
            if batch:
                await self._append(batch)

    async def _append(self, batch: list[_Answered]) -> None:
        """Append what was found, each behind the attempt before it; what others did stands."""
        complete_until = self.backlog.complete_until
        left = {f"described:{it.wanted.mint}:{it.wanted.attempt}": it for it in batch}
        while left:
            events = [event_of(it, complete_until=complete_until) for it in left.values()]
            entries = [
                Entry(
                    subject=event.subject,
                    id=event.id,
                    payload=encode(event),
                    follows=it.wanted.follows,
                )
                for event, it in zip(events, left.values(), strict=True)
            ]
            try:
                appended = await self._log.append(entries)
            except OutpacedError as outpaced:
                mint = left.pop(outpaced.entry_id).wanted.mint
                await self._believe(mint)
                continue
            await self._note(events, appended)
            break
        self._changed.set()

    async def _note(self, events: Sequence[TokenDescribed], appended: Appended) -> None:
        for place, (event, sequence) in enumerate(zip(events, appended.sequences, strict=True)):
            if place in appended.conflicts or event.id in appended.held:
                await self._believe(event.mint)
                continue
            self.backlog.take(sequence, event)
            if event.failure is None:
                self.progress.described += 1
            else:
                self.progress.failed += 1
                self.progress.given_up += event.final

    async def _believe(self, mint: str) -> None:
        """Take what the log holds of a token, which another resolver has appended."""
        self._take(mint, await self._held(mint))

    def _take(self, mint: str, held: Recorded | None) -> None:
        if held is not None:
            self.backlog.take(held.sequence, held.event)
        self.backlog.again(mint)
        self._changed.set()


def event_of(answered: _Answered, *, complete_until: int) -> TokenDescribed:
    """The event that says what was found of a token, or why nothing was."""
    wanted, outcome = answered.wanted, answered.outcome
    event = TokenDescribed(
        id=f"described:{wanted.mint}:{wanted.attempt}",
        pos=wanted.pos,
        received_at_ns=answered.received_at_ns,
        mint=wanted.mint,
        uri=wanted.uri,
        attempt=wanted.attempt,
        created_sequence=wanted.sequence,
        complete_until=complete_until,
    )
    if isinstance(outcome, Unfetched):
        return msgspec.structs.replace(
            event,
            failure=outcome.failure,
            http_status=outcome.http_status,
            detail=sentence(outcome.detail),
            final=not outcome.passing or wanted.attempt >= ATTEMPTS_MAX,
        )
    return msgspec.structs.replace(event, **msgspec.structs.asdict(outcome))
