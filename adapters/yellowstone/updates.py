"""A stream's updates as the chain's own; what the stream left out is said, too."""

from collections.abc import Iterator, Sequence

from google.protobuf.message import DecodeError

from adapters.yellowstone import frames
from adapters.yellowstone.endpoint import EndpointError
from adapters.yellowstone.inbox import Begin, Item
from adapters.yellowstone.wire import lean_pb2
from domain.chain import BlockMeta, ChainUpdate, SlotsMissed


class Updates:
    """Reads the items of one source, across all of its streams."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._begin: Begin | None = None
        self._unproven: Begin | None = None
        self.newest_slot = 0
        """The highest slot read so far."""

    def read(self, items: Sequence[Item]) -> list[ChainUpdate]:
        """The updates among the items; `EndpointError` for bytes that are no update."""
        read: list[ChainUpdate] = []
        for what, received_at_ns in items:
            if isinstance(what, Begin):
                self._begin = self._unproven = what
                continue
            try:
                update = frames.parse(what)
            except DecodeError as error:
                reason = f"it sent bytes that are no Yellowstone update: {error}"
                raise EndpointError(self._url, reason) from error
            read.extend(self._read_one(update, what, received_at_ns))
        return read

    def _read_one(
        self, update: lean_pb2.Update, payload: bytes, received_at_ns: int
    ) -> Iterator[ChainUpdate]:
        if update.HasField("transaction"):
            slot = update.transaction.slot
            self.newest_slot = max(self.newest_slot, slot)
            yield from self._skipped(slot, received_at_ns)
            yield frames.sent_transaction(update, payload, received_at_ns)
        elif update.HasField("block_meta"):
            meta = frames.block_meta(update.block_meta)
            self.newest_slot = max(self.newest_slot, meta.slot)
            yield from self._skipped(meta.slot, received_at_ns)
            yield from self._not_replayed(meta, received_at_ns)
            yield meta

    def _skipped(self, slot: int, received_at_ns: int) -> Iterator[SlotsMissed]:
        """What lies between the slot that was owed and the one that the stream began at."""
        begin, self._begin = self._begin, None
        if begin is None or begin.wanted is None or begin.wanted == begin.from_slot:
            return
        # At the head the first slot has begun before us, so it is not whole either.
        last = slot if begin.from_slot is None else begin.from_slot - 1
        if last >= begin.wanted:
            yield SlotsMissed(
                from_slot=begin.wanted,
                to_slot=last,
                reason=begin.reason,
                received_at_ns=received_at_ns,
            )

    def _not_replayed(self, meta: BlockMeta, received_at_ns: int) -> Iterator[SlotsMissed]:
        """A first block whose parent should have come before it: the replay did not happen."""
        begin, self._unproven = self._unproven, None
        if begin is None or begin.wanted is None or begin.from_slot is None:
            return
        if meta.parent_slot >= begin.from_slot and meta.slot > meta.parent_slot:
            yield SlotsMissed(
                from_slot=begin.from_slot,
                to_slot=meta.parent_slot,
                reason=f"{self._url} accepted from_slot {begin.from_slot} and did not replay",
                received_at_ns=received_at_ns,
            )
