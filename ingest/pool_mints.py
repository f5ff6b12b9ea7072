"""Which mints a pool trades: its own events do not say, so the transaction has to."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import permutations

import msgspec
from solders.pubkey import Pubkey

from domain.chain import RawTransaction
from domain.programs import PUMP_AMM, WRAPPED_SOL
from ingest.accounts import account_key
from ingest.balances import Balances
from ingest.canonical import canonical_pool
from ingest.instruction import Instruction, instruction
from ingest.layouts.types import address
from ingest.wire import Place

CANDIDATES_MAX = 8
"""Anyone can send tokens to a pool; beyond so many mints the pairs cost too much to try."""

_TOKEN = frozenset(
    bytes(Pubkey.from_string(program))
    for program in (
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    )
)
_TRANSFER_CHECKED = bytes([12])
_TRANSFER_CHECKED_WITH_FEE = bytes([26, 1])
_PUMP_AMM = bytes(Pubkey.from_string(PUMP_AMM))
_POOL, _BASE_MINT, _QUOTE_MINT = 0, 3, 4
"""Where the instructions that work on one pool have these accounts, every one of them."""
_ONE_POOL = frozenset(
    map(
        bytes.fromhex,
        (
            "66063d1201daebea",  # buy
            "c62e1552b4d9e870",  # buy_exact_quote_in
            "33e685a4017f83ad",  # sell
            "b817ee6167c5d33d",  # buy_v2
            "c2ab1c46684d5b2f",  # buy_exact_quote_in_v2
            "5df6823ce7e940b2",  # sell_v2
            "f223c68952e1f2b6",  # deposit
            "b712469c946da122",  # withdraw
        ),
    )
)


class PoolMints(msgspec.Struct, frozen=True):
    """The mints that a pool trades."""

    base: str
    quote: str


class Claim(msgspec.Struct, frozen=True):
    """What an event says about its pool; keys as 32 bytes, reserves before the event."""

    pool: bytes
    base_reserves: int
    quote_reserves: int
    user_base_account: bytes
    user_quote_account: bytes


def pool_mints(
    tx: RawTransaction, balances: Balances, place: Place, claim: Claim
) -> PoolMints | None:
    """The pool's mints, from the transaction alone; None where it does not prove them.

    The instruction that emitted the event names them. Through an instruction that we do not know
    (several pools in one, or one yet to come) they follow from the pool's own token accounts,
    told apart by the canonical address, by the amounts before the event, or by the user's.
    """
    parent = _parent(tx, place, claim.pool)
    if parent is not None:
        base = account_key(tx, parent.accounts[_BASE_MINT])
        quote = account_key(tx, parent.accounts[_QUOTE_MINT])
        if base is not None and quote is not None and base != quote:
            named = PoolMints(address(base), address(quote))
            if parent.data[:8] in _ONE_POOL:
                return named
            owned = balances.owned(address(claim.pool))
            if named.base in owned and named.quote in owned:
                return named
    owned = balances.owned(address(claim.pool))
    if len(owned) > CANDIDATES_MAX:
        return None
    return _by_address(claim.pool, [*owned, *_moved(tx, place.outer)]) or _by_balances(
        balances, claim, owned
    )


def _parent(tx: RawTransaction, place: Place, pool: bytes) -> Instruction | None:
    """The instruction that emitted the event, if its first account is the pool."""
    if place.source == "cpi" and place.stack_height != 2:
        wanted = bytes([(place.stack_height - 1) & 0xFF])
        for outer, called in tx.inner_instructions:
            if outer != place.outer:
                continue
            for encoded in reversed(called[: place.inner]):
                # The height stands last, so that most of them need not be read.
                if place.stack_height and encoded[-1:] != wanted:
                    continue
                caller = instruction(encoded)
                height = caller.stack_height
                # Without heights the nearest one that works on this pool is taken.
                if height == place.stack_height - 1 or (
                    not place.stack_height and _works_on(tx, caller, pool)
                ):
                    return caller if _works_on(tx, caller, pool) else None
    if place.outer < len(tx.instructions):
        top_level = instruction(tx.instructions[place.outer])
        if _works_on(tx, top_level, pool):
            return top_level
    return None


def _works_on(tx: RawTransaction, caller: Instruction, pool: bytes) -> bool:
    accounts = caller.accounts
    return (
        len(accounts) > _QUOTE_MINT
        and account_key(tx, accounts[_POOL]) == pool
        and account_key(tx, caller.program_id_index) == _PUMP_AMM
    )


def _by_address(pool: bytes, candidates: Iterable[str]) -> PoolMints | None:
    """A canonical pool's address proves its mints."""
    mints = list(dict.fromkeys((*candidates, WRAPPED_SOL)))[:CANDIDATES_MAX]
    for base, quote in permutations(mints, 2):
        if canonical_pool(base, quote) == address(pool):
            return PoolMints(base, quote)
    return None


def _moved(tx: RawTransaction, outer: int) -> Iterator[str]:
    """The mints that were moved below a top-level instruction."""
    for group, called in tx.inner_instructions:
        if group != outer:
            continue
        for call in map(instruction, called):
            data = call.data
            if data[:1] == _TRANSFER_CHECKED or data[:2] == _TRANSFER_CHECKED_WITH_FEE:
                accounts = call.accounts
                if len(accounts) >= 4 and account_key(tx, call.program_id_index) in _TOKEN:
                    mint = account_key(tx, accounts[1])
                    if mint is not None:
                        yield address(mint)


def _by_balances(
    balances: Balances, claim: Claim, owned: Mapping[str, AbstractSet[int]]
) -> PoolMints | None:
    pairs = list(permutations(owned, 2))
    by_amounts = [
        (base, quote)
        for base, quote in pairs
        if claim.base_reserves in owned[base] and claim.quote_reserves in owned[quote]
    ]
    if len(by_amounts) == 1:
        return PoolMints(*by_amounts[0])
    user_base = balances.mint_of(claim.user_base_account)
    user_quote = balances.mint_of(claim.user_quote_account)
    by_user = [
        (base, quote)
        for base, quote in pairs
        if (user_base or user_quote) and user_base in (None, base) and user_quote in (None, quote)
    ]
    return PoolMints(*by_user[0]) if len(by_user) == 1 else None
