"""Dead letters tried again: what is an event now goes to the log, and its letter goes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.letters import delete
from curvetape.amending import STATUS_WAIT_S, Amender
from curvetape.letters import Choice, UnreadableLetterError, filed, transaction_of
from curvetape.raw_reading import is_kept, raw_blocks
from domain.chain import RawTransaction
from domain.log import Appender
from ingest.amend import Addition
from ingest.context import signature_text
from ingest.dead import DeadLetter, entry
from ingest.retry import Read, is_of_block, read_account, read_transaction

LETTERS_MAX = 20_000
"""Letters that can be events now and are appended in one go: they are held in memory."""
TOGETHER_MAX = 64
"""Letters that the server is told to delete at the same time."""

Ended: TypeAlias = Literal["appended", "known", "stays", "waits"]
"""What became of a letter: its event was appended; its event was there, or is about to be; it
still is no event; or it is one whose slot can take none at the moment. The first two delete it."""
Say = Callable[[str], None]
Blocks: TypeAlias = dict[int, list[RawTransaction]]


class Outcome(msgspec.Struct, frozen=True):
    """What became of a letter."""

    id: str
    slot: int | None
    outcome: Ended
    why: str = ""


class _Letter(msgspec.Struct):
    """A chosen letter, on its way."""

    sequence: int
    id: str
    slot: int | None
    read: Read | None = None
    outcome: Outcome | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing needs the letter any more."""
        return self.outcome is not None and self.outcome.outcome in ("appended", "known")

    def end(self, outcome: Ended, why: str = "") -> None:
        """Note what became of it."""
        self.outcome = Outcome(self.id, self.slot, outcome, why)


class Retry:
    """One retry of some letters."""

    def __init__(
        self,
        connection: Connection,
        *,
        say: Say,
        ingest_stopped: bool = False,
    ) -> None:
        self._connection = connection
        self._say = say
        self._ingest_stopped = ingest_stopped
        self._letters: list[_Letter] = []
        self._of_slot: dict[int, list[DeadLetter]] = {}
        self._blocks: Blocks = {}
        self.left = 0
        """Letters that were not looked at because of `LETTERS_MAX`."""

    async def run(
        self, choice: Choice, *, log: Appender | None, dead_letters: Appender | None
    ) -> list[Outcome]:
        """Try the letters again; without appenders say only what would come of it.

        A letter is deleted when its event is durable and certified, and not before.
        """
        await self._read(choice)
        readable = [each for each in self._letters if each.read is not None]
        if readable:
            await self._decide(readable, log, dead_letters)
        if log is not None:
            await self._delete([each.sequence for each in self._letters if each.is_done])
        return [each.outcome for each in self._letters if each.outcome is not None]

    async def _delete(self, sequences: Sequence[int]) -> None:
        """Delete letters; a server that syncs each deletion takes about 10 ms for one."""
        told_s = time.monotonic()
        for at in range(0, len(sequences), TOGETHER_MAX):
            some = sequences[at : at + TOGETHER_MAX]
            await asyncio.gather(*(delete(self._connection, each) for each in some))
            if time.monotonic() - told_s >= STATUS_WAIT_S:
                told_s = time.monotonic()
                self._say(f"{at + len(some):,} of {len(sequences):,} letters deleted")

    async def _read(self, choice: Choice) -> None:
        """Decode the chosen letters; old ones without their transaction from `RAW`."""
        bare: list[tuple[_Letter, DeadLetter]] = []
        held = 0
        async for each in filed(self._connection):
            if (letter := each.letter) is not None:
                self._of_slot.setdefault(letter.slot, []).append(_without_bytes(letter))
            if not choice.takes(each):
                continue
            if held == LETTERS_MAX:
                self.left += 1
                continue
            place = _Letter(each.sequence, each.id, each.slot)
            self._letters.append(place)
            if letter is None:
                place.end("stays", "it is not a letter of ingest's that is known here")
            elif not _read_one(place, letter):
                bare.append((place, _without_bytes(letter)))
            held += place.outcome is None
        if bare:
            await self._look_up([letter for _, letter in bare])
        for place, letter in bare:
            _note(place, _read_bare(letter, self._blocks.get(letter.slot)))

    async def _decide(
        self, letters: Sequence[_Letter], log: Appender | None, dead_letters: Appender | None
    ) -> None:
        reads = [each.read for each in letters if each.read is not None]
        slots = {read.letter.slot for read in reads}
        prices = {
            read.event_id
            for read in reads
            if read.letter.source == "account" and read.event_id is not None
        }
        amender = Amender(
            self._connection,
            slots,
            say=self._say,
            prices=prices,
            ingest_stopped=self._ingest_stopped,
        )
        await amender.read(since_ns=min(read.letter.received_at_ns for read in reads))
        doubtful = [read.letter for read in reads if not self._is_proven(amender, read)]
        if doubtful:
            await self._look_up(doubtful)
        additions: dict[int, Addition] = {}
        added: list[DeadLetter] = []
        for each in letters:
            if each.read is not None:
                self._decide_one(each, each.read, amender, additions, added)
        if log is not None and dead_letters is not None:
            if added:
                await dead_letters.append([entry(letter) for letter in added])
            await amender.amend(log, additions.values())

    def _decide_one(
        self,
        each: _Letter,
        read: Read,
        amender: Amender,
        additions: dict[int, Addition],
        added: list[DeadLetter],
    ) -> None:
        slot = read.letter.slot
        book, is_price = amender.books[slot], read.letter.source == "account"
        if read.event_id is not None and book.covers(read.event_id):
            each.end("known", "its event is in the log")
            return
        if is_price and read.event_id in amender.books.prices and read.event_id not in book.events:
            each.end("known", "the log has the same price of another slot")
            return
        if (objection := amender.objection(slot)) is not None:
            each.end("waits", objection)
            return
        if not self._is_proven(amender, read):
            each.end(
                "waits",
                "its transaction is not proven to be in the block that was sealed for its slot: "
                "it may have been seen on a fork only, and RAW does not have the block",
            )
            return
        addition = additions.get(slot)
        if addition is None:
            # What a retry that was cut short has appended, and no certificate counts yet.
            unfinished = [_event_id(it) for it in self._of_slot[slot]]
            resolved = [event_id for event_id in book.uncovered if event_id in unfinished]
            addition = additions[slot] = Addition(slot, [], resolved)
        there = {held.id for _, held in addition.entries}
        addition.entries += [pair for pair in read.entries if pair[1].id not in there]
        fresh = _fresh(read, [*self._of_slot.get(slot, ()), *added])
        added += fresh
        addition.letters += len(fresh)
        name = read.event_id or read.letter.id
        if not is_price and name not in addition.resolved:
            addition.resolved.append(name)
        each.end("appended")

    def _is_proven(self, amender: Amender, read: Read) -> bool:
        letter = read.letter
        if letter.source == "account":
            return True  # what is confirmed is all that is read of accounts
        book = amender.books[letter.slot]
        of_slot = [
            each
            for each in self._of_slot[letter.slot]
            if each.source != "account" and not book.covers(_event_id(each))
        ]
        block = self._blocks.get(letter.slot)
        places = None if block is None else {_signature(tx): tx.index for tx in block}
        return is_of_block(letter, book, of_slot, places)

    async def _look_up(self, letters: Sequence[DeadLetter]) -> None:
        """Read what `RAW` has of the letters' slots."""
        slots = {letter.slot for letter in letters} - self._blocks.keys()
        if slots and await is_kept(self._connection):
            since_ns = min(letter.received_at_ns for letter in letters)
            self._blocks |= await raw_blocks(self._connection, slots, since_ns=since_ns)


def _read_one(place: _Letter, letter: DeadLetter) -> bool:
    """Decode a letter with what it holds itself; False where that is not enough."""
    try:
        tx = transaction_of(letter)
    except UnreadableLetterError as error:
        place.end("stays", str(error))
        return True
    if letter.reason == "unreadable_account":
        _note(place, read_account(letter))
    elif tx is not None:
        _note(place, read_transaction(letter, tx))
    else:
        return False
    return True


def _without_bytes(letter: DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(letter, transaction="", data="")


def _note(place: _Letter, read: Read) -> None:
    if read.resolved:
        read.letter = _without_bytes(read.letter)
        place.read = read
    else:
        place.end("stays", read.why)


def _read_bare(letter: DeadLetter, block: Sequence[RawTransaction] | None) -> Read:
    """A letter from before transactions were kept."""
    for tx in block or ():
        if _signature(tx) == letter.signature and tx.index == letter.tx:
            held = msgspec.structs.replace(tx, received_at_ns=letter.received_at_ns)
            return read_transaction(letter, held)
    return Read(
        letter,
        why="it is from before letters held their transaction, and RAW does not have its block; "
        "it can only be read",
    )


def _event_id(letter: DeadLetter) -> str:
    """The id of the event that a letter stands for."""
    return f"{letter.signature}:{letter.outer}.{letter.inner}"


def _fresh(read: Read, known: Sequence[DeadLetter]) -> list[DeadLetter]:
    """What of its transaction is no event either and has no letter yet."""
    places = {(each.signature, each.outer, each.inner) for each in known}
    return [each for each in read.letters if (each.signature, each.outer, each.inner) not in places]


def _signature(tx: RawTransaction) -> str:
    return signature_text(tx.signature)
