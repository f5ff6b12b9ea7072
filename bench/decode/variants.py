"""Many transactions from few: the same shapes, with other signatures, traders and tokens.

A few dozen recorded transactions, decoded over and over, would let every cache on either side
answer from memory. So each copy gets a new signature, its signers become another trader's
addresses and the addresses that no other recording shares become another token's, in the account
keys, in the events, in the logs and in the balances; a canonical pool stays that of its mint.
Traders and tokens are drawn with the heavy tail of a real market: the n-th is n times rarer than
the first.
"""

import base64
import bisect
import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Sequence

from solders.pubkey import Pubkey

from adapters.yellowstone.wire import geyser_pb2
from ingest.canonical import canonical_pool

TRADERS = 20_000
TOKENS = 5_000
FIRST_SLOT = 460_000_000
FIRST_SECOND = 1_792_000_000
TRANSACTIONS_PER_SLOT = 40
SLOTS_PER_SECOND = 2.5
_DATA = "Program data: "
_EVENT_CALL = bytes.fromhex("e445a52e51cb9a1d")


class _Tail:
    """Ranks below `size`; rank n comes n times less often than rank 1."""

    def __init__(self, size: int) -> None:
        self._sums = list(itertools.accumulate(1 / rank for rank in range(1, size + 1)))

    def draw(self, chance: random.Random) -> int:
        return bisect.bisect(self._sums, chance.random() * self._sums[-1])


def updates(recordings: Sequence[bytes], count: int, seed: int) -> list[bytes]:
    """`count` serialized `SubscribeUpdate` messages, each recording as often as any other."""
    originals = [
        geyser_pb2.SubscribeUpdate.FromString(message).transaction.transaction
        for message in recordings
    ]
    chance = random.Random(seed)
    traders, tokens = _Tail(TRADERS), _Tail(TOKENS)
    shared = _shared(originals)
    made = []
    for number in range(count):
        original = originals[number % len(originals)]
        renamed = _renamed(original, shared, traders.draw(chance), tokens.draw(chance))
        renamed |= _pools(original, renamed)
        made.append(_update(original, renamed, number, chance))
    chance.shuffle(made)
    return made


def _keys(info: geyser_pb2.SubscribeUpdateTransactionInfo) -> list[bytes]:
    meta = info.meta
    return [
        *info.transaction.message.account_keys,
        *meta.loaded_writable_addresses,
        *meta.loaded_readonly_addresses,
    ]


def _shared(originals: Sequence[geyser_pb2.SubscribeUpdateTransactionInfo]) -> set[bytes]:
    """Addresses that stay: programs, and whatever more than one recording has."""
    seen: Counter[bytes] = Counter()
    programs: set[bytes] = set()
    for info in originals:
        keys = _keys(info)
        seen.update(set(keys))
        called = [one for group in info.meta.inner_instructions for one in group.instructions]
        programs.update(keys[one.program_id_index] for one in called)
        programs.update(keys[one.program_id_index] for one in info.transaction.message.instructions)
    return programs | {key for key, count in seen.items() if count > 1}


def _renamed(
    info: geyser_pb2.SubscribeUpdateTransactionInfo, shared: set[bytes], trader: int, token: int
) -> dict[bytes, bytes]:
    signers = info.transaction.message.header.num_required_signatures
    return {
        key: hashlib.sha256(
            key + (f"trader {trader}" if at < signers else f"token {token}").encode()
        ).digest()
        for at, key in enumerate(_keys(info))
        if key not in shared
    }


def _pools(
    info: geyser_pb2.SubscribeUpdateTransactionInfo, renamed: dict[bytes, bytes]
) -> dict[bytes, bytes]:
    """The canonical pools of the recording's mints, as those of the new mints."""
    balances = itertools.chain(info.meta.pre_token_balances, info.meta.post_token_balances)
    mints = {balance.mint: bytes(Pubkey.from_string(balance.mint)) for balance in balances}
    pools = {}
    for base, quote in itertools.permutations(mints, 2):
        old = bytes(Pubkey.from_string(canonical_pool(base, quote)))
        if old in renamed:
            new = [str(Pubkey(renamed.get(mints[mint], mints[mint]))) for mint in (base, quote)]
            pools[old] = bytes(Pubkey.from_string(canonical_pool(new[0], new[1])))
    return pools


def _update(
    original: geyser_pb2.SubscribeUpdateTransactionInfo,
    renamed: dict[bytes, bytes],
    number: int,
    chance: random.Random,
) -> bytes:
    slot, index = divmod(number, TRANSACTIONS_PER_SLOT)
    update = geyser_pb2.SubscribeUpdate(filters=["pump"])
    update.created_at.seconds = FIRST_SECOND + int(slot / SLOTS_PER_SECOND)
    update.transaction.slot = FIRST_SLOT + slot
    info = update.transaction.transaction
    info.CopyFrom(original)
    info.index = index
    meta = info.meta
    texts = {str(Pubkey(old)): str(Pubkey(new)) for old, new in renamed.items()}
    for at, line in enumerate(meta.log_messages):
        if line.startswith(_DATA):
            data = _replaced(base64.b64decode(line[len(_DATA) :]), renamed)
            meta.log_messages[at] = _DATA + base64.b64encode(data).decode()
    for balance in itertools.chain(meta.pre_token_balances, meta.post_token_balances):
        balance.mint = texts.get(balance.mint, balance.mint)
        balance.owner = texts.get(balance.owner, balance.owner)
    signature = chance.randbytes(64)
    info.transaction.signatures[0] = info.signature = signature
    # Addresses in bytes keep their length, so the rest can be replaced in the message as it is.
    return _replaced(update.SerializeToString(), renamed)


def _replaced(data: bytes, renamed: dict[bytes, bytes]) -> bytes:
    for old, new in renamed.items():
        data = data.replace(old, new)
    return data


def event_calls(payload: bytes, programs: Sequence[bytes]) -> list[bytes]:
    """The self-calls of the programs in a message: program number in one byte, then the data."""
    info = geyser_pb2.SubscribeUpdate.FromString(payload).transaction.transaction
    keys = _keys(info)
    return [
        bytes([programs.index(keys[instruction.program_id_index])]) + instruction.data
        for group in info.meta.inner_instructions
        for instruction in group.instructions
        if instruction.data.startswith(_EVENT_CALL)
        and keys[instruction.program_id_index] in programs
    ]
