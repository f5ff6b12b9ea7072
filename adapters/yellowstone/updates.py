"""The streams' updates as the chain's own."""

from collections.abc import Callable, Iterator, Sequence

from google.protobuf.message import DecodeError

from adapters.yellowstone import frames
from adapters.yellowstone.assembler import Assembler
from adapters.yellowstone.health import Health
from adapters.yellowstone.inbox import Item
from adapters.yellowstone.limits import Limits
from adapters.yellowstone.origin import Origin
from adapters.yellowstone.wire import lean_pb2
from domain.chain import Block, BlockMeta, ChainUpdate, UnreadableError


class Updates:
    """Reads the items of one source, across all of its streams, and keeps its health."""

    def __init__(self, health: Health, limits: Limits, say: Callable[[str], None]) -> None:
        self._health = health
        self._limits = limits
        self._say = say
        self._truth: Origin | None = None
        self._assembler: Assembler | None = None
        self._lost = 0
        self._said_not_replayed = False
        self._damaged: list[Origin] = []

    @property
    def waits(self) -> bool:
        """Whether `rest` would give something."""
        return self._assembler is not None and self._assembler.waits

    def read(self, items: Sequence[Item]) -> list[ChainUpdate]:
        """The updates among the items; a stream that brought damaged bytes is told so."""
        read: list[ChainUpdate] = []
        for payload, received_at_ns, origin in items:
            if origin.damage:
                continue
            try:
                update = frames.parse(payload)
                read.extend(self._read_one(update, received_at_ns, origin))
            except (DecodeError, UnreadableError) as error:
                origin.spoil(str(error))
                self._damaged.append(origin)
        self._health.updates += len(items)
        return read

    def take_damaged(self) -> list[Origin]:
        """The streams that were found damaged since this was last asked."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def rest(self) -> list[ChainUpdate]:
        """What is whole because the stream of the truth has fallen silent."""
        if self._truth is None or self._assembler is None or self._truth.damage:
            return []
        return list(map(self._counted, self._assembler.rest()))

    def _read_one(
        self, update: lean_pb2.Update, received_at_ns: int, origin: Origin
    ) -> Iterator[ChainUpdate]:
        if origin.mode is None:
            if update.HasField("transaction"):
                slot = update.transaction.slot
                origin.slot = max(origin.slot, slot)
                self._judge(origin, slot)
                yield frames.sent_transaction(update, received_at_ns)
            return
        if origin is not self._truth:
            self._begin(origin)
        if update.HasField("block"):
            block = frames.sent_block(update, received_at_ns)
            if any(not tx.failed for tx in block.transactions):
                origin.link.traded_slot = max(origin.link.traded_slot, block.slot)
            self._came(block.meta, received_at_ns, origin)
            yield self._counted(block)
        elif update.HasField("account"):
            yield frames.account_written(update.account, received_at_ns)
        elif self._assembler is not None:
            yield from map(self._counted, self._assemble(update, received_at_ns, origin))

    def _assemble(
        self, update: lean_pb2.Update, received_at_ns: int, origin: Origin
    ) -> Iterator[Block]:
        assembler = self._assembler
        assert assembler is not None
        if update.HasField("transaction"):
            tx = frames.sent_transaction(update, received_at_ns)
            origin.link.traded_slot = max(origin.link.traded_slot, tx.slot)
            yield from assembler.transaction(tx)
        elif update.HasField("block_meta"):
            meta = frames.block_meta(update.block_meta)
            self._came(meta, received_at_ns, origin)
            yield from assembler.meta(meta, received_at_ns)
        if assembler.lost > self._lost:
            self._say(
                f"{assembler.lost - self._lost} confirmed transactions came too late for their "
                "blocks, or without them; what is missing has to come from another source"
            )
            self._lost = assembler.lost

    def _begin(self, origin: Origin) -> None:
        """A new stream begins: what was held of the one before comes again."""
        self._truth = origin
        self._lost = 0
        self._assembler = None
        if origin.mode == "meta":
            self._assembler = Assembler(settle_slots=self._limits.settle_slots)

    def _came(self, meta: BlockMeta, received_at_ns: int, origin: Origin) -> None:
        health = self._health
        first, origin.slot = not origin.slot, max(origin.slot, meta.slot)
        if first:
            self._check_replay(meta, origin)
        health.slot = max(health.slot, meta.slot)
        if meta.block_time_s is not None:
            health.lag_s = max(0.0, received_at_ns / 1e9 - meta.block_time_s)
        origin.link.distance.read(meta.slot)
        self._judge(origin, meta.slot)

    def _check_replay(self, meta: BlockMeta, origin: Origin) -> None:
        asked = origin.from_slot
        if asked is None or not asked <= meta.parent_slot < meta.slot or self._said_not_replayed:
            return
        self._said_not_replayed = True
        self._say(
            f"it accepted from_slot {asked} and began with slot {meta.slot}, though the block "
            f"before that is in slot {meta.parent_slot}; what it did not replay has to come from "
            "another source"
        )

    def _judge(self, origin: Origin, slot: int) -> None:
        link, health = origin.link, self._health
        link.distance.known(slot)
        link.judge()
        health.newest_slot = max(health.newest_slot, slot)
        health.catching_up = link.distance.catching_up

    def _counted(self, block: Block) -> Block:
        self._health.blocks += 1
        return block
