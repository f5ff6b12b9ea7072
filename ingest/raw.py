"""Proven blocks' transactions kept as they came, so that they can be decoded again."""

from collections.abc import Iterator, Sequence

import msgspec
import zstandard

from domain.chain import Evidence
from domain.log import Appender, Entry, LogError
from ingest.slots import Sealed

SUBJECT = "raw.block"
PART_BYTES_MAX = 512 * 1024
"""Of one message, beside its envelope."""
GROUP_BYTES_MAX = 2 * 1024 * 1024
"""What is compressed together at first; it comes to about a quarter of that."""
BLOCK_BYTES_MAX = 64 * 1024 * 1024
"""Of one part when it is unpacked; far more than a block can hold."""
LEVEL = 3
ENVELOPE_VERSION = 1


class RawPart(msgspec.Struct, frozen=True, kw_only=True):
    """One message of `RAW`, as MessagePack: whose block it is, and some of its transactions."""

    version: int = ENVELOPE_VERSION
    slot: int
    revision: int
    """That of the certificate; from 2 on only the transactions that were not there before."""
    blockhash: str
    parent_slot: int
    parent_blockhash: str
    block_time_s: int | None
    evidence: Evidence
    received_at_ns: int
    part: int
    """Counted from 1."""
    parts: int
    transactions: int
    """How many are in this part; none that failed are."""
    data: bytes
    """zstd of a `geyser.SubscribeUpdateBlock` with these transactions, in the block's order."""

    @property
    def id(self) -> str:
        """What the stream knows it by."""
        return f"raw:{self.slot}:{self.revision}:{self.part}"

    def block(self) -> bytes:
        """The encoded `geyser.SubscribeUpdateBlock`; `RawDamagedError` if there is none."""
        try:
            return zstandard.ZstdDecompressor().decompress(
                self.data, max_output_size=BLOCK_BYTES_MAX
            )
        except zstandard.ZstdError as error:
            raise RawDamagedError(self.id, str(error)) from error


class RawDamagedError(LogError):
    """A message of `RAW` that is not what ingest writes there."""

    def __init__(self, raw_id: str, problem: str) -> None:
        super().__init__(
            f"{raw_id} of RAW cannot be read: {problem}; it was damaged, or written by a newer "
            "version"
        )
        self.raw_id = raw_id


class RawKeeper:
    """Keeps the blocks that it is given; counts what that takes."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self.transactions = 0
        self.bytes = 0
        """Of all payloads appended."""

    async def keep(self, sealed: Sequence[Sealed]) -> None:
        """Return once the blocks are durable; a block that is there already stays as it is."""
        entries = []
        for each in sealed:
            for part in packed(each):
                payload = encode(part)
                entries.append(Entry(subject=SUBJECT, id=part.id, payload=payload))
                self.transactions += part.transactions
                self.bytes += len(payload)
        if entries:
            await self._appender.append(entries)


def packed(sealed: Sealed) -> list[RawPart]:
    """A block as its messages, at least one."""
    block, meta = sealed.block, sealed.block.meta
    encoded = [field(6, tx.details.encoded()) for tx in block.transactions if not tx.failed]
    head = _head(meta.slot, meta.blockhash, meta.block_time_s)
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    groups = [part for group in _grouped(encoded) for part in _fitting(group, head, compressor)]
    return [
        RawPart(
            slot=meta.slot,
            revision=sealed.revision,
            blockhash=meta.blockhash,
            parent_slot=meta.parent_slot,
            parent_blockhash=meta.parent_blockhash,
            block_time_s=meta.block_time_s,
            evidence=block.evidence,
            received_at_ns=block.received_at_ns,
            part=number,
            parts=len(groups),
            transactions=count,
            data=data,
        )
        for number, (count, data) in enumerate(groups, 1)
    ]


def encode(part: RawPart) -> bytes:
    """The message's payload."""
    return msgspec.msgpack.encode(part)


def decode(payload: bytes) -> RawPart:
    """A message of `RAW`; `RawDamagedError` if it is none."""
    try:
        return msgspec.msgpack.decode(payload, type=RawPart)
    except msgspec.DecodeError as error:
        raise RawDamagedError("a message", str(error)) from error


class Gathered(msgspec.Struct):
    """The parts of a slot that have been read, by revision and number."""

    parts: dict[int, dict[int, RawPart]] = {}

    def take(self, part: RawPart) -> None:
        """Add a part; of a block that was kept twice the later copy counts."""
        known = self.parts.setdefault(part.revision, {})
        if part.part == 1:
            known.clear()
        known[part.part] = part

    def whole(self) -> list[RawPart] | None:
        """All parts of all revisions in order; None where some are not there any more."""
        if not self.parts or sorted(self.parts) != list(range(1, max(self.parts) + 1)):
            return None
        found = []
        for _, known in sorted(self.parts.items()):
            count = known[1].parts if 1 in known else 0
            if not count or not all(number in known for number in range(1, count + 1)):
                return None
            found += [known[number] for number in range(1, count + 1)]
        return found


def _grouped(encoded: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """At least one group; each within `GROUP_BYTES_MAX` unless it is a single transaction."""
    group: list[bytes] = []
    size = 0
    for each in encoded:
        if group and size + len(each) > GROUP_BYTES_MAX:
            yield group
            group, size = [], 0
        group.append(each)
        size += len(each)
    yield group


def _fitting(
    group: Sequence[bytes], head: bytes, compressor: zstandard.ZstdCompressor
) -> Iterator[tuple[int, bytes]]:
    """The group compressed, in halves where it does not fit a message."""
    data = compressor.compress(head + b"".join(group))
    if len(data) <= PART_BYTES_MAX or len(group) < 2:
        yield len(group), data
        return
    middle = len(group) // 2
    yield from _fitting(group[:middle], head, compressor)
    yield from _fitting(group[middle:], head, compressor)


def _head(slot: int, blockhash: str, block_time_s: int | None) -> bytes:
    """The first fields of a `SubscribeUpdateBlock`."""
    head = b"\x08" + varint(slot) + field(2, blockhash.encode())
    if block_time_s is not None:
        head += field(4, b"\x08" + varint(block_time_s))
    return head


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message, as protobuf encodes it."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number as protobuf encodes it."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
