"""Which tokens have no description yet, as the log alone says; pure."""

import zlib
from heapq import heapify, heappop, heappush

import msgspec

from domain.events import AnyEvent, SlotAbandoned, SlotConfirmed, TokenCreated, TokenDescribed
from domain.position import Position

NS_PER_S = 1_000_000_000
LATER_WAITS_S = (60, 600, 3_600, 21_600)
"""How long after each attempt that failed the next one is made; behind the last there is none."""
ATTEMPTS_MAX = len(LATER_WAITS_S) + 1
WAIT_SPREAD = 0.25
"""Up to this share is added to a wait, so that what failed together is not asked for together."""
WANTED_MAX = 20_000
"""Tokens that are known to have no last word yet; beyond it the log is not read further."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A token whose document is to be read."""

    mint: str
    uri: str
    pos: Position
    sequence: int
    """Where the log holds its `token.created`."""
    attempt: int = 1
    follows: int = 0
    """Where the log holds the attempt before; 0 for none."""
    due_ns: int = 0


class Backlog:
    """Feed it the log in sequence, what of it is about tokens and slots; ask it what comes next.

    It is given what this resolver appends, too, and again when it is read; so what others append
    counts as much, and a restart knows what the last run knew.
    """

    def __init__(self, *, after: int = 0) -> None:
        self._read = after
        self._unproven: dict[int, dict[str, Wanted]] = {}
        self._wanted: dict[str, Wanted] = {}
        self._under_way: set[str] = set()
        self._due: list[tuple[int, int, str]] = []
        self._low: list[tuple[int, str]] = []

    @property
    def is_full(self) -> bool:
        """Whether more should not be read before something gets its last word."""
        return len(self._wanted) >= WANTED_MAX

    @property
    def waiting(self) -> int:
        """How many tokens have no last word yet, those of slots not proven left out."""
        return len(self._wanted)

    @property
    def complete_until(self) -> int:
        """Up to this sequence each `token.created` that counts has its last word in the log."""
        low = [it.sequence for slot in self._unproven.values() for it in slot.values()]
        while self._low and not self._is_wanted(*self._low[0]):
            heappop(self._low)
        if self._low:
            low.append(self._low[0][0])
        return min(low, default=self._read + 1) - 1

    def take(self, sequence: int, event: AnyEvent) -> None:
        """The next event of the log, or one that has just been appended to it."""
        if isinstance(event, TokenDescribed):
            self._described(sequence, event)
            return
        self._read = max(self._read, sequence)
        if isinstance(event, TokenCreated):
            wanted = Wanted(mint=event.mint, uri=event.uri, pos=event.pos, sequence=sequence)
            if event.provisional:
                self._unproven.setdefault(event.pos.slot, {})[event.mint] = wanted
            else:
                self._want(wanted)
        elif isinstance(event, SlotConfirmed):
            for wanted in self._unproven.pop(event.slot, {}).values():
                self._want(wanted)
        elif isinstance(event, SlotAbandoned):
            self._unproven.pop(event.slot, None)

    def passed(self, sequence: int) -> None:
        """All of the log up to here has been read, as far as it is about tokens and slots."""
        self._read = max(self._read, sequence)

    def next(self, now_ns: int) -> Wanted | None:
        """A token whose attempt is due, which is under way from now on."""
        while self._due:
            due_ns, sequence, mint = self._due[0]
            if due_ns > now_ns:
                return None
            heappop(self._due)
            if self._is_wanted(sequence, mint) and mint not in self._under_way:
                wanted = self._wanted[mint]
                if wanted.due_ns == due_ns:
                    self._under_way.add(mint)
                    return wanted
        return None

    def again(self, mint: str) -> None:
        """Let a token that is under way be due once more."""
        if mint in self._under_way:
            self._under_way.discard(mint)
            if (wanted := self._wanted.get(mint)) is not None:
                self._push(wanted)

    @property
    def next_due_ns(self) -> int | None:
        """When `next` may have something; None where nothing waits."""
        return self._due[0][0] if self._due else None

    def _is_wanted(self, sequence: int, mint: str) -> bool:
        wanted = self._wanted.get(mint)
        return wanted is not None and wanted.sequence == sequence

    def _want(self, wanted: Wanted) -> None:
        known = self._wanted.get(wanted.mint)
        if known is not None:
            return  # created once more, since its slot was appended again
        self._wanted[wanted.mint] = wanted
        self._push(wanted)

    def _push(self, wanted: Wanted) -> None:
        heappush(self._due, (wanted.due_ns, wanted.sequence, wanted.mint))
        heappush(self._low, (wanted.sequence, wanted.mint))
        if len(self._low) > 4 * WANTED_MAX:
            self._low = [it for it in set(self._low) if self._is_wanted(*it)]
            heapify(self._low)

    def _described(self, sequence: int, event: TokenDescribed) -> None:
        wanted = self._wanted.get(event.mint)
        if wanted is None or event.attempt < wanted.attempt:
            return
        self._under_way.discard(event.mint)
        if event.final:
            del self._wanted[event.mint]
            return
        later = msgspec.structs.replace(
            wanted,
            attempt=event.attempt + 1,
            follows=sequence,
            due_ns=event.received_at_ns + later_wait_ns(event.mint, event.attempt),
        )
        self._wanted[event.mint] = later
        self._push(later)


def later_wait_ns(mint: str, attempt: int) -> int:
    """How long after a failed attempt the next one is made: the same for everyone who reads it."""
    wait_s = LATER_WAITS_S[min(attempt, len(LATER_WAITS_S)) - 1]
    spread = zlib.crc32(f"{mint}:{attempt}".encode()) / 0xFFFFFFFF * WAIT_SPREAD
    return int(wait_s * (1 + spread) * NS_PER_S)
