"""The generated blocks have the form of real ones, byte for byte the same in every process."""

import hashlib
import os
import subprocess
import sys
from base64 import b64decode
from itertools import pairwise

from adapters.yellowstone.wire.solana_storage_pb2 import CompiledInstruction, InnerInstruction
from curvetape.simulator.market import FIRST_SLOT
from curvetape.testing.simulated import (
    GENESIS_S,
    SLOT_MS,
    Info,
    first_blocks,
    keys,
    new_market,
    produced,
)
from domain.programs import PROGRAMS
from ingest.decode import SELF_CALL_PREFIX
from ingest.layouts.types import address
from ingest.sol_price import sol_priced

BLOCKS = 120

_PRINT_DIGEST = """
import hashlib
from curvetape.testing.simulated import new_market, produced
digest = hashlib.sha256()
for block, _ in produced(new_market(), 40):
    digest.update(block.SerializeToString(deterministic=True))
print(digest.hexdigest())
"""


def infos() -> list[Info]:
    """The transactions of all blocks."""
    return [info for block, _ in first_blocks(BLOCKS) for info in block.transactions]


def view_of(info: Info) -> list[CompiledInstruction | InnerInstruction]:
    """All instructions of a transaction, top-level ones first."""
    calls: list[CompiledInstruction | InnerInstruction] = list(
        info.transaction.message.instructions
    )
    for group in info.meta.inner_instructions:
        calls += group.instructions
    return calls


def test_another_process_makes_the_same_bytes() -> None:
    """Whatever the hash seed: nothing depends on the order of a set or on the clock."""
    digest = hashlib.sha256()
    for block, _ in produced(new_market(), 40):
        digest.update(block.SerializeToString(deterministic=True))
    for hash_seed in ("1", "4242"):
        printed = subprocess.run(
            [sys.executable, "-c", _PRINT_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert printed.stdout.strip() == digest.hexdigest()


def test_another_seed_makes_another_market() -> None:
    one, other = (next(produced(new_market(seed=seed), 1))[0] for seed in (1, 2))
    assert one.transactions[0].signature != other.transactions[0].signature


def test_blocks_follow_one_another_and_leave_a_few_slots_out() -> None:
    blocks = [block for block, _ in first_blocks(BLOCKS)]
    for before, block in pairwise(blocks):
        assert block.parent_slot == before.slot < block.slot
        assert block.parent_blockhash == before.blockhash
        assert block.block_height.block_height == before.block_height.block_height + 1
    left_out = blocks[-1].slot - blocks[0].slot + 1 - len(blocks)
    assert 0 < left_out < BLOCKS // 10


def test_a_blocks_time_follows_from_its_slot() -> None:
    for block, _ in first_blocks(BLOCKS):
        expected = GENESIS_S + (block.slot - FIRST_SLOT) * SLOT_MS // 1_000
        assert block.block_time.timestamp == expected


def test_transaction_indexes_rise_and_fit_the_block() -> None:
    for block, _ in first_blocks(BLOCKS):
        indexes = [info.index for info in block.transactions]
        assert indexes == sorted(set(indexes))
        assert not indexes or indexes[-1] < block.executed_transaction_count


def test_no_signature_comes_twice() -> None:
    signatures = [info.signature for info in infos()]
    assert len(set(signatures)) == len(signatures)
    assert {len(signature) for signature in signatures} == {64}
    for info in infos():
        assert info.transaction.signatures[0] == info.signature
        needed = info.transaction.message.header.num_required_signatures
        assert len(info.transaction.signatures) == needed


def test_accounts_are_named_once_and_by_valid_indexes() -> None:
    for info in infos():
        named = keys(info)
        assert len(set(named)) == len(named)
        assert {len(key) for key in named} == {32}
        used = [(call.program_id_index, call.accounts) for call in view_of(info)]
        for program, indexes in used:
            assert program < len(named)
            assert all(index < len(named) for index in indexes)
        assert len(info.meta.pre_balances) == len(info.meta.post_balances) == len(named)


def test_all_three_message_formats_are_there_and_say_what_they_are() -> None:
    seen = set()
    for info in infos():
        message = info.transaction.message
        loaded = len(info.meta.loaded_writable_addresses) + len(info.meta.loaded_readonly_addresses)
        looked_up = sum(
            len(lookup.writable_indexes) + len(lookup.readonly_indexes)
            for lookup in message.address_table_lookups
        )
        assert loaded == looked_up
        if message.HasField("config"):
            assert message.versioned
            seen.add("v1")
        elif message.versioned:
            assert loaded
            seen.add("v0")
        else:
            seen.add("legacy")
    assert seen == {"legacy", "v0", "v1"}


def test_fees_are_signatures_and_the_priority_that_was_asked_for() -> None:
    for info in infos():
        message = info.transaction.message
        if message.HasField("config"):
            priority = message.config.priority_fee
        else:
            limit, price = (call.data for call in message.instructions[:2])
            units = int.from_bytes(limit[1:], "little")
            priority = -(-int.from_bytes(price[1:], "little") * units // 1_000_000)
        assert info.meta.fee == 5_000 * len(info.transaction.signatures) + priority


def test_every_event_is_called_and_logged_alike_unless_the_logs_are_cut() -> None:
    cut = 0
    for info in infos():
        called = [
            call.data[8:]
            for group in info.meta.inner_instructions
            for call in group.instructions
            if call.data.startswith(SELF_CALL_PREFIX)
        ]
        logged = [
            b64decode(line.removeprefix("Program data: "))
            for line in info.meta.log_messages
            if line.startswith("Program data: ")
        ]
        if info.meta.log_messages[-1] == "Log truncated":
            cut += 1
            assert logged == called[: len(logged)]
            assert sum(map(len, info.meta.log_messages)) < 10_100
        else:
            assert logged == called
    assert cut > 0


def test_log_lines_open_and_close_every_call() -> None:
    for info in infos():
        if info.meta.log_messages[-1] == "Log truncated":
            continue
        depth = 0
        for line in info.meta.log_messages:
            words = line.split()
            if words[2] == "invoke":
                depth += 1
                assert words[3] == f"[{depth}]"
            elif words[2] in ("success", "failed:"):
                depth -= 1
        assert depth == 0


def test_events_are_reached_directly_and_through_routers() -> None:
    heights = set()
    for info in infos():
        named = keys(info)
        for group in info.meta.inner_instructions:
            for call in group.instructions:
                ours = address(named[call.program_id_index]) in PROGRAMS
                if ours and call.data.startswith(SELF_CALL_PREFIX):
                    heights.add(call.stack_height)
    assert heights >= {2, 3}


def test_the_price_of_sol_is_written_about_once_a_second() -> None:
    written = [(block, account) for block, _ in first_blocks(BLOCKS) for account in block.accounts]
    blocks = [block for block, _ in first_blocks(BLOCKS)]
    seconds = blocks[-1].block_time.timestamp - blocks[0].block_time.timestamp
    assert abs(len(written) - seconds) <= 2
    for block, account in written:
        assert len(account.data) == 134
        priced = sol_priced(
            account.data,
            account=address(account.pubkey),
            owner=address(account.owner),
            slot=block.slot,
            received_at_ns=0,
        )
        assert 50 < priced.price * 10**priced.exponent < 400
        assert priced.publish_time_s == block.block_time.timestamp
