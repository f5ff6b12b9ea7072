"""The chain that every side reads: the simulated market, encoded before anybody asks for it."""

from collections.abc import Iterator

from adapters.yellowstone import subscriptions
from adapters.yellowstone.hub import Hub, Place, Retention
from adapters.yellowstone.selection import Selection, selection
from curvetape.simulator.market import Market
from domain.programs import PROGRAMS, PYTH_SOL_USD

RATE_PER_S = 1_000.0
SLOT_MS = 400
FIRST_SECOND = 1_792_000_000
RETAINED_SLOTS = 80
CONFIRMED_AFTER_SLOTS = 2

EARLY = subscriptions.early(programs=PROGRAMS)
TRUTH = subscriptions.truth("blocks", programs=PROGRAMS, accounts=PYTH_SOL_USD, from_slot=None)


class EncodedChain(Hub):
    """Blocks are published ahead of time, and shown to subscribers step by step.

    What a step brings is encoded when it is published, once for each of the two requests that a
    source of ours makes. So when it is read, the server only writes bytes that are there.
    """

    def __init__(self) -> None:
        super().__init__(
            confirmed_after_slots=CONFIRMED_AFTER_SLOTS,
            retention=Retention(slots_max=RETAINED_SLOTS, bytes_max=None),
        )
        self._market = Market.open(
            None, seed=1, rate_per_s=RATE_PER_S, slot_ms=SLOT_MS, genesis_time_s=FIRST_SECOND
        )
        self._early, self._truth = selection(EARLY), selection(TRUTH)
        self._encoded: dict[tuple[int, int], tuple[bytes, ...]] = {}
        self._hidden = 0
        self._unconfirmed = 0

    def prepare(self, blocks: int) -> dict[str, int]:
        """Publish so many blocks, hidden, and two empty ones that confirm them: what is in them.

        `updates` and `bytes` are those of both streams, `blocks_updates` and `blocks_bytes` of
        the confirmed one, `transactions` what succeeded.
        """
        counts = dict.fromkeys(
            ("transactions", "updates", "bytes", "blocks_updates", "blocks_bytes"), 0
        )
        for number in range(blocks + CONFIRMED_AFTER_SLOTS):
            block = self._market.next_block()
            if number < blocks:
                counts["last_slot"] = block.slot
            else:
                del block.transactions[:]
            self.publish(block)
            step = self.steps + self._hidden - 1
            for asked in (self._early, self._truth):
                encoded = tuple(super().content(step, asked))
                self._encoded[step, asked.commitment] = encoded
                counts["updates"] += len(encoded)
                counts["bytes"] += sum(map(len, encoded))
                if asked is self._truth:
                    counts["blocks_updates"] += len(encoded)
                    counts["blocks_bytes"] += sum(map(len, encoded))
                else:
                    counts["transactions"] += len(encoded)
        return counts

    def show(self, blocks: int) -> None:
        """Let subscribers see the next blocks."""
        assert blocks <= self._hidden, "they have to be prepared"
        self._hidden -= blocks
        super()._step(blocks)

    @property
    def hidden(self) -> int:
        """Blocks that are prepared and not shown."""
        return self._hidden

    def updates(self, place: Place, asked: Selection) -> Iterator[bytes]:
        """What was encoded for the place."""
        yield from self._encoded.pop((place.step, asked.commitment), ())

    def _step(self, count: int) -> None:
        self._hidden += count
