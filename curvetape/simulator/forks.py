"""Blocks that die: processed on a fork that the chain then passes over.

Pure: the same block, slots and chance make the same fork, byte for byte.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from random import Random

from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.accounts import text
from curvetape.simulator.drafts import EVENT_PREFIX
from curvetape.simulator.events import BOUGHT, SOLD, TRADED
from curvetape.simulator.state import chance
from ingest.layouts.layout import Layout

DEAD_TRANSACTIONS_MAX = 64
"""Transactions of one dead block; it is only there to be seen and forgotten."""
UNKNOWN_DISCRIMINATOR = hashlib.sha256(b"an event of next year").digest()[:8]
LENGTH_MAX = 3
"""Dead blocks of one fork, one the child of the other."""

_LANDS_AGAIN = 0.6
_CHANGED = 0.5
_VARIED = {
    TRADED.layout.discriminator: ("sol_amount", "token_amount", TRADED.layout),
    BOUGHT.layout.discriminator: ("base_amount_out", "quote_amount_in", BOUGHT.layout),
    SOLD.layout.discriminator: ("base_amount_in", "quote_amount_out", SOLD.layout),
}

Block = geyser_pb2.SubscribeUpdateBlock
Info = geyser_pb2.SubscribeUpdateTransactionInfo


def fork_before(block: Block, parent: Block, *, seed: int, share: float) -> list[Block]:
    """The dead blocks that are seen before a block of the chain, mostly none.

    `share` is how many of all blocks have some. They stand in slots that the chain skips before
    the block, and where it skips none, in the block's own slot and those after it; what they hold
    comes from the block. Whether there are any, and all of their bytes, follow from the seed and
    the two blocks, so that a chain that is made again has the same forks.
    """
    random = fork_chance(seed, block.slot)
    drawn, length = random.random(), random.randint(1, LENGTH_MAX)
    if drawn >= share:
        return []
    free = range(parent.slot + 1, block.slot) or range(block.slot, block.slot + LENGTH_MAX)
    return dead_fork(parent, free[:length], block.transactions, random)


def dead_fork(
    parent: Block, slots: Sequence[int], sources: Sequence[Info], random: Random
) -> list[Block]:
    """Dead blocks in these rising slots, the first one a child of `parent`.

    They hold some of the sources, which are transactions that land later (or again) on the chain:
    under the same signature but at another place and with other amounts; and others like them
    that never land. No source is in two of the blocks.
    """
    assert 0 < len(slots) <= LENGTH_MAX, "a fork has at least one block, and soon dies"
    chosen = random.sample(range(len(sources)), min(len(sources), DEAD_TRANSACTIONS_MAX))
    fork = []
    for place, slot in enumerate(slots):
        transactions = [_other(sources[at], random) for at in chosen[place :: len(slots)]]
        parent = _block(parent, slot, transactions, random)
        fork.append(parent)
    return fork


def variant(block: Block, random: Random) -> Block:
    """The same slot's block as another fork has it: same parent, other hash, other contents."""
    made = Block()
    made.CopyFrom(block)
    made.blockhash = _hash(random)
    transactions = [_other(info, random) for info in block.transactions]
    random.shuffle(transactions)
    _fill(made, transactions)
    return made


def changed(info: Info, random: Random) -> Info:
    """The transaction as it goes on another fork: its trades have other amounts.

    Inner instructions and log lines say the same, as the programs do.
    """
    made = Info()
    made.CopyFrom(info)
    for group in made.meta.inner_instructions:
        for call in group.instructions:
            if call.data.startswith(EVENT_PREFIX):
                before = call.data.removeprefix(EVENT_PREFIX)
                after = _other_amounts(before, random)
                call.data = EVENT_PREFIX + after
                _replace_logged(made, before, after)
    return made


def unknown(info: Info) -> Info:
    """The transaction as a program's next version might make it: its first event is a new one.

    Nobody knows the event's discriminator; a transaction without events stays as it is.
    """
    made = Info()
    made.CopyFrom(info)
    calls = (call for group in made.meta.inner_instructions for call in group.instructions)
    for call in calls:
        if call.data.startswith(EVENT_PREFIX):
            before = call.data.removeprefix(EVENT_PREFIX)
            after = UNKNOWN_DISCRIMINATOR + before[8:]
            call.data = EVENT_PREFIX + after
            _replace_logged(made, before, after)
            break
    return made


def stray(info: Info, random: Random) -> Info:
    """A transaction like this one under a signature that nobody else has."""
    made = Info()
    made.CopyFrom(info)
    made.signature = random.randbytes(64)
    if made.transaction.signatures:
        made.transaction.signatures[0] = made.signature
    return made


def fork_chance(seed: int, slot: int) -> Random:
    """The chance that decides about a slot's fork, and nothing else."""
    digest = hashlib.sha256(b"fork:%d:%d" % (seed, slot)).digest()
    return chance(int.from_bytes(digest))


def _other(info: Info, random: Random) -> Info:
    if random.random() >= _LANDS_AGAIN:
        return changed(stray(info, random), random)
    return changed(info, random) if random.random() < _CHANGED else info


def _block(parent: Block, slot: int, transactions: Sequence[Info], random: Random) -> Block:
    made = Block(
        slot=slot,
        blockhash=_hash(random),
        parent_slot=parent.slot,
        parent_blockhash=parent.blockhash,
        entries_count=200,
    )
    made.block_time.timestamp = parent.block_time.timestamp
    made.block_height.block_height = parent.block_height.block_height + 1
    _fill(made, transactions)
    return made


def _fill(block: Block, transactions: Sequence[Info]) -> None:
    del block.transactions[:]
    for index, info in enumerate(transactions):
        block.transactions.add().CopyFrom(info)
        block.transactions[-1].index = index
    block.executed_transaction_count = len(transactions)
    block.updated_account_count = len(transactions) * 5


def _hash(random: Random) -> str:
    return text(random.randbytes(32))


def _other_amounts(event: bytes, random: Random) -> bytes:
    known = _VARIED.get(event[:8])
    if known is None:
        return event
    *names, layout = known
    varied = bytearray(event)
    for name in names:
        at = 8 + _offset(layout, name)
        amount = int.from_bytes(event[at : at + 8], "little")
        other = amount + 1 + int(amount * 0.2 * random.random())
        varied[at : at + 8] = min(other, 2**63).to_bytes(8, "little")
    return bytes(varied)


def _offset(layout: Layout, name: str) -> int:
    """Where a field begins behind the discriminator; those before it have fixed sizes."""
    offset = 0
    for field in layout.fields:
        if field.name == name:
            return offset
        assert field.type.code is not None, f"{field.name} has no fixed size"
        offset += field.type.size_min
    raise KeyError(name)


def _replace_logged(info: Info, before: bytes, after: bytes) -> None:
    old, new = b64encode(before).decode(), b64encode(after).decode()
    for at, line in enumerate(info.meta.log_messages):
        if line.endswith(old):
            info.meta.log_messages[at] = line.removesuffix(old) + new
