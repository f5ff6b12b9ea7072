"""Fees that stayed in a coin's market are paid out: bucket 0 is the protocol's, 1 the creator's."""

from curvetape.simulator.accounts import (
    AMM_EVENTS,
    AMM_KEY,
    FEE_RECIPIENTS,
    GLOBAL,
    PUMP_EVENTS,
    PUMP_KEY,
    associated,
)
from curvetape.simulator.calls import POOL_RENT_LAMPORTS, TOKEN_RENT_LAMPORTS, VAULT_RENT_LAMPORTS
from curvetape.simulator.curves import curve_lamports
from curvetape.simulator.drafts import fixed
from curvetape.simulator.errands import MINT, QUOTE_MINT, USER, Errand, Move, changed, plain, run
from curvetape.simulator.events import CURVE_SWEPT, POOL_SWEPT, pending
from curvetape.simulator.legs import Balance
from curvetape.simulator.pools import pool_of
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Token
from curvetape.simulator.traders import POPULATION
from curvetape.simulator.transactions import Writer
from domain.pool import PoolReserves

KEEPER = POPULATION + 2
"""The trader who sweeps fees, spends boosts and reprices coins in mayhem mode."""


def sweep(world: World, writer: Writer, token: Token) -> None:
    """Pay out what stayed in a coin's market, if both have something to get."""
    if token.pool is not None:
        _sweep_pool(world, writer, token)
    elif token.quoted_in_sol:
        _sweep_curve(world, writer, token)


def _sweep_curve(world: World, writer: Writer, token: Token) -> None:
    book = world.book(token)
    shares = (
        (FEE_RECIPIENTS[0], token.curve_protocol_unclaimed),
        (book.creator_vault, token.curve_creator_unclaimed),
    )
    if min(amount for _, amount in shares) == 0:
        return
    events = [
        pending(
            CURVE_SWEPT,
            *(world.now_s, token.mint, book.curve, token.quote_mint, recipient, amount, bucket),
        )
        for bucket, (recipient, amount) in enumerate(shares)
    ]
    errand = Errand(
        "sweep curve",
        PUMP_KEY,
        PUMP_EVENTS,
        bytes.fromhex("e0c326e638c7f4c5"),
        "SweepBondingCurveFee",
        (fixed(GLOBAL), USER, MINT, changed("curve"), changed("to.0"), changed("to.1")),
    )
    values = {"mint": token.mint, "curve": book.curve}
    held = curve_lamports(token)
    lamports = {"curve": (held, held - sum(amount for _, amount in shares))}
    for bucket, (recipient, amount) in enumerate(shares):
        before = world.account(recipient)
        values[f"to.{bucket}"] = recipient
        rent = VAULT_RENT_LAMPORTS + before
        lamports[f"to.{bucket}"] = (rent, rent + amount)
        world.purses.accounts[recipient] = before + amount
    run(world, writer, errand, KEEPER, values, lamports, [], events)
    token.curve_protocol_unclaimed = token.curve_creator_unclaimed = 0


def _sweep_pool(world: World, writer: Writer, token: Token) -> None:
    book, pool = world.book(token), pool_of(token)
    pools, before, keeper = book.pool, pool.reserves, world.crowd.key(KEEPER)
    shares = (
        (FEE_RECIPIENTS[0], pool.protocol_unclaimed),
        (pools.creator_vault, pool.creator_unclaimed),
    )
    total = sum(amount for _, amount in shares)
    if min(amount for _, amount in shares) == 0 or before.quote <= total:
        return
    events = [
        pending(
            POOL_SWEPT,
            *(world.now_s, pools.address, token.mint, book.quote_mint, recipient, keeper),
            *(amount, bucket),
        )
        for bucket, (recipient, amount) in enumerate(shares)
    ]
    # What is paid out stops being owed, so the virtual reserves grow back and the price stays.
    after = PoolReserves(before.base, before.quote - total, before.virtual_quote + total)
    rent, quotes, decimals = TOKEN_RENT_LAMPORTS, book.quote_texts, token.quote_decimals
    values = {
        "pool": pools.address,
        "mint": token.mint,
        "quote_mint": book.quote_mint,
        "pool_quote": pools.quote,
    }
    lamports = {"pool_quote": (rent + before.quote, rent + after.quote)}
    balances = [Balance("pool_quote", quotes, pools.address, decimals, before.quote, after.quote)]
    for bucket, (recipient, amount) in enumerate(shares):
        address = associated(recipient, book.quote_mint, book.quote_program)
        held = world.account(address)
        values[f"to.{bucket}"] = address
        lamports[f"to.{bucket}"] = (rent + held, rent + held + amount)
        balances.append(Balance(f"to.{bucket}", quotes, recipient, decimals, held, held + amount))
        world.purses.accounts[address] = held + amount
    errand = _pool_errand(book.quote_program, decimals, in_sol=token.quoted_in_sol)
    amounts = tuple(amount for _, amount in shares)
    run(world, writer, errand, KEEPER, values, lamports, balances, events, amounts)
    pool.reserves = after
    pool.protocol_unclaimed = pool.creator_unclaimed = 0


def _pool_errand(quote_program: bytes, decimals: int, *, in_sol: bool) -> Errand:
    return Errand(
        "sweep pool",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("091e953d8bb9e0f8"),
        "SweepPoolFee",
        (
            *(plain("pool", POOL_RENT_LAMPORTS), USER, fixed(GLOBAL), MINT, QUOTE_MINT),
            *(changed("pool_quote", when=in_sol), changed("to.0", when=in_sol)),
            changed("to.1", when=in_sol),
        ),
        tuple(
            Move("pool_quote", "quote_mint", f"to.{bucket}", "pool", quote_program, decimals)
            for bucket in range(2)
        ),
    )
