"""A pool's mints come from the transaction, by proof or not at all."""

import msgspec
import pytest

from adapters.yellowstone.wire import geyser_pb2
from curvetape.testing.layouts import address, example
from curvetape.testing.transactions import Call, emitted, hold, message, view
from domain.events import PoolTraded, decode
from domain.programs import PUMP_AMM, USDC, WRAPPED_SOL
from ingest.canonical import canonical_pool
from ingest.layouts.catalogue import event
from ingest.transaction import entries

TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
COIN, OTHER = address("a coin"), address("another coin")
POOL = address("a pool that anyone opened")
CANONICAL = canonical_pool(COIN, WRAPPED_SOL)
BASE_RESERVES, QUOTE_RESERVES = 5_000, 7_000

BUY = bytes.fromhex("66063d1201daebea")
BUY_V2 = bytes.fromhex("b817ee6167c5d33d")
MULTI_HOP = bytes.fromhex("2b644913e9f66f94")
UNKNOWN = bytes.fromhex("0102030405060708")

Info = geyser_pb2.SubscribeUpdateTransactionInfo


def bought(pool: str, **given: object) -> bytes:
    layout = event(PUMP_AMM, "BuyEvent")
    reserves = {
        "pool": pool,
        "pool_base_token_reserves": BASE_RESERVES,
        "pool_quote_token_reserves": QUOTE_RESERVES,
    }
    return layout.write("B9", example(layout, layout.named("B9"), **reserves | given))


def trade(info: Info) -> PoolTraded | str:
    """The trade, or why there is none."""
    batch = entries(view(info))
    if batch.dead:
        reason: str = msgspec.json.decode(batch.dead[0].payload)["reason"]
        return reason
    (found,) = [decode(entry.payload) for entry in batch.entries]
    assert isinstance(found, PoolTraded)
    return found


def mints(info: Info) -> tuple[str, str] | str:
    found = trade(info)
    return found if isinstance(found, str) else (found.base_mint, found.quote_mint)


def called(data: bytes, pool: str, base: str, quote: str, height: int = 1) -> Call:
    accounts = (pool, address("user"), address("config"), base, quote, address("more"))
    return Call(PUMP_AMM, data, accounts, height)


@pytest.mark.parametrize("data", [BUY, BUY_V2])
def test_the_instruction_names_them(data: bytes) -> None:
    info = message([called(data, POOL, COIN, USDC), emitted(PUMP_AMM, bought(POOL))])
    assert mints(info) == (COIN, USDC)


def test_a_routers_instruction_names_them_too() -> None:
    calls = [
        Call(address("a router")),
        Call(TOKEN_PROGRAM, height=2),
        called(BUY, POOL, COIN, USDC, height=2),
        Call(TOKEN_PROGRAM, height=3),
        emitted(PUMP_AMM, bought(POOL), height=3),
    ]
    assert mints(message(calls)) == (COIN, USDC)


def test_of_two_trades_below_one_router_each_has_its_own() -> None:
    calls = [
        Call(address("a router")),
        called(BUY, POOL, COIN, USDC, height=2),
        emitted(PUMP_AMM, bought(POOL), height=3),
        called(BUY, CANONICAL, COIN, WRAPPED_SOL, height=2),
        emitted(PUMP_AMM, bought(CANONICAL), height=3),
    ]
    found = [decode(entry.payload) for entry in entries(view(message(calls))).entries]
    assert [(e.pool, e.quote_mint, e.canonical) for e in found if isinstance(e, PoolTraded)] == [
        (POOL, USDC, False),
        (CANONICAL, WRAPPED_SOL, True),
    ]


def test_without_stack_heights_the_instruction_is_found_by_its_pool() -> None:
    calls = [
        Call(address("a router")),
        called(BUY, POOL, COIN, USDC, height=2),
        Call(TOKEN_PROGRAM, height=3),
        emitted(PUMP_AMM, bought(POOL), height=3),
    ]
    info = message(calls)
    for group in info.meta.inner_instructions:
        for instruction in group.instructions:
            instruction.ClearField("stack_height")
    assert mints(info) == (COIN, USDC)


def hop(pool: str, **given: object) -> Info:
    """A trade through an instruction that goes through several pools."""
    call = Call(PUMP_AMM, MULTI_HOP, (address("user"), address("config")))
    return message([call, emitted(PUMP_AMM, bought(pool, **given))])


def test_a_canonical_pool_is_proven_by_its_address() -> None:
    info = hop(CANONICAL)
    # Neither amounts nor order tell anything here.
    hold(info, owner=CANONICAL, mint=WRAPPED_SOL, amount=1, decimals=9)
    hold(info, owner=CANONICAL, mint=COIN, amount=1, decimals=6)
    assert mints(info) == (COIN, WRAPPED_SOL)


def test_a_balance_whose_mint_is_no_address_proves_nothing_and_breaks_nothing() -> None:
    info = hop(CANONICAL)
    hold(info, owner=CANONICAL, mint="0OIl: damaged", amount=BASE_RESERVES, decimals=6)
    hold(info, owner=CANONICAL, mint=WRAPPED_SOL, amount=QUOTE_RESERVES, decimals=9)
    assert trade(info) == "mints_unknown"


def test_a_canonical_pool_is_proven_without_balances_by_what_was_moved() -> None:
    """Some sources do not record token balances."""
    moved = Call(
        TOKEN_PROGRAM, bytes([12]) + bytes(9), (address("s"), COIN, address("d"), CANONICAL), 2
    )
    call = Call(PUMP_AMM, MULTI_HOP, (address("user"),))
    info = message([call, moved, emitted(PUMP_AMM, bought(CANONICAL))])
    assert mints(info) == (COIN, WRAPPED_SOL)


def test_another_pools_mints_are_told_apart_by_the_reserves_before() -> None:
    info = hop(POOL)
    hold(info, owner=POOL, mint=USDC, amount=QUOTE_RESERVES, decimals=6)
    hold(info, owner=POOL, mint=COIN, amount=BASE_RESERVES, decimals=8)
    found = trade(info)
    assert isinstance(found, PoolTraded)
    assert (found.base_mint, found.base_decimals) == (COIN, 8)
    assert (found.quote_mint, found.quote_decimals) == (USDC, 6)


def test_a_third_mint_in_the_pools_possession_changes_nothing() -> None:
    info = hop(POOL)
    hold(info, owner=POOL, mint=OTHER, amount=3, decimals=6)
    hold(info, owner=POOL, mint=USDC, amount=QUOTE_RESERVES, decimals=6)
    hold(info, owner=POOL, mint=COIN, amount=BASE_RESERVES, decimals=6)
    assert mints(info) == (COIN, USDC)


def test_equal_reserves_are_told_apart_by_the_users_account() -> None:
    info = hop(POOL, pool_base_token_reserves=9, pool_quote_token_reserves=9)
    for mint in (USDC, COIN):
        hold(info, owner=POOL, mint=mint, amount=9, decimals=6)
    account = address("user_base_token_account")
    hold(info, owner=address("user"), mint=COIN, amount=0, decimals=6, account=account)
    assert mints(info) == (COIN, USDC)


def test_what_is_not_proven_is_a_dead_letter() -> None:
    info = hop(POOL, pool_base_token_reserves=9, pool_quote_token_reserves=9)
    for mint in (USDC, COIN):
        hold(info, owner=POOL, mint=mint, amount=9, decimals=6)
    assert mints(info) == "mints_unknown"
    assert mints(hop(POOL)) == "mints_unknown"


def test_an_instruction_yet_unknown_is_believed_only_with_the_pools_own_accounts() -> None:
    calls = [called(UNKNOWN, POOL, COIN, USDC), emitted(PUMP_AMM, bought(POOL))]
    info = message(calls)
    assert mints(info) == "mints_unknown"
    for mint in (USDC, COIN):
        hold(info, owner=POOL, mint=mint, amount=1, decimals=6)
    assert mints(info) == (COIN, USDC)


def test_a_pool_drowned_in_foreign_tokens_costs_no_search() -> None:
    info = hop(POOL)
    for number in range(40):
        hold(info, owner=POOL, mint=address(f"spam {number}"), amount=1, decimals=6)
    before = canonical_pool.cache_info().misses
    assert mints(info) == "mints_unknown"
    assert canonical_pool.cache_info().misses == before


def test_a_pool_that_sells_sol_is_about_its_quote() -> None:
    info = message([called(BUY, POOL, WRAPPED_SOL, COIN), emitted(PUMP_AMM, bought(POOL))])
    found = trade(info)
    assert isinstance(found, PoolTraded)
    assert (found.mint, found.canonical, found.base_decimals) == (COIN, False, 9)


@pytest.mark.parametrize(
    ("name", "quote_in", "user_in"),
    [("buy", 100, 130), ("buy_exact_quote_in", 130, 100), ("multi_hop_swap", 130, 100)],
)
def test_the_gross_amount_is_told_from_the_net_one(name: str, quote_in: int, user_in: int) -> None:
    data = bought(
        POOL,
        ix_name=name,
        quote_amount_in=quote_in,
        user_quote_amount_in=user_in,
        quote_amount_in_with_lp_fee=102,
        lp_fee=2,
    )
    found = trade(message([called(BUY, POOL, COIN, USDC), emitted(PUMP_AMM, data)]))
    assert isinstance(found, PoolTraded)
    assert (found.quote_amount, found.user_quote_amount, found.pool_quote_delta) == (100, 130, 102)
