"""Deposits of liquidity into the pools of graduated coins, and withdrawals of it."""

from curvetape.simulator.accounts import (
    AMM_CONFIG,
    AMM_EVENTS,
    AMM_KEY,
    TOKEN,
    TOKEN_2022,
    associated,
)
from curvetape.simulator.calls import MINT_RENT_LAMPORTS, POOL_RENT_LAMPORTS, TOKEN_RENT_LAMPORTS
from curvetape.simulator.drafts import fixed
from curvetape.simulator.errands import MINT, QUOTE_MINT, USER, Errand, Move, changed, plain, run
from curvetape.simulator.events import DEPOSITED, WITHDRAWN, Pending, pending
from curvetape.simulator.legs import Balance
from curvetape.simulator.pools import pool_of
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Token
from curvetape.simulator.transactions import Writer
from domain.pool import PoolReserves, deposit_cost, withdrawal


def deposit(world: World, writer: Writer, token: Token, trader: int) -> None:
    """A holder adds liquidity to a coin's pool."""
    pool, book = pool_of(token), world.book(token)
    before = pool.reserves
    owned = token.held.get(trader, 0)
    lp_amount = pool.lp_supply * min(owned, before.base // 20) // (2 * before.base)
    if lp_amount < 1:
        return
    base, quote = deposit_cost(before, lp_amount, pool.lp_supply)
    own = world.quote(book.quote_mint, trader, quote)
    parties = _parties(world, token, trader)
    amounts = (lp_amount, base * 101 // 100, quote * 101 // 100, owned, own)
    event = pending(
        DEPOSITED,
        *(world.now_s, *amounts, before.base, before.quote, base, quote, pool.lp_supply),
        *parties,
    )
    after = PoolReserves(before.base + base, before.quote + quote, before.virtual_quote)
    _write(world, writer, token, trader, after, own, event)
    pool.reserves, pool.lp_supply = after, pool.lp_supply + lp_amount
    pool.depositors[trader] = pool.depositors.get(trader, 0) + lp_amount
    token.take(trader, base)
    world.purses.quotes[book.quote_mint][trader] = own - quote


def withdraw(world: World, writer: Writer, token: Token, trader: int) -> None:
    """Somebody takes back all the liquidity that he had added."""
    pool, book = pool_of(token), world.book(token)
    before, lp_amount = pool.reserves, pool.depositors[trader]
    base, quote = withdrawal(before, lp_amount, pool.lp_supply)
    if base < 1 or quote < 1:
        return
    owned = token.held.get(trader, 0)
    own = world.quote(book.quote_mint, trader, 1)
    event = pending(
        WITHDRAWN,
        *(world.now_s, lp_amount, base * 99 // 100, quote * 99 // 100, owned, own),
        *(before.base, before.quote, base, quote, pool.lp_supply),
        *_parties(world, token, trader),
    )
    after = PoolReserves(before.base - base, before.quote - quote, before.virtual_quote)
    _write(world, writer, token, trader, after, own, event)
    pool.reserves, pool.lp_supply = after, pool.lp_supply - lp_amount
    del pool.depositors[trader]
    token.give(trader, base)
    world.purses.quotes[book.quote_mint][trader] = own + quote


def _parties(world: World, token: Token, trader: int) -> tuple[bytes, ...]:
    book, user = world.book(token), world.crowd.key(trader)
    return (
        book.pool.address,
        user,
        associated(user, token.mint),
        associated(user, book.quote_mint, book.quote_program),
        associated(user, book.pool.lp_mint),
    )


def _write(
    world: World,
    writer: Writer,
    token: Token,
    trader: int,
    after: PoolReserves,
    own: int,
    event: Pending,
) -> None:
    book, before, in_sol = world.book(token), pool_of(token).reserves, token.quoted_in_sol
    base, quote = after.base - before.base, after.quote - before.quote
    _, user, user_base, user_quote, user_lp = _parties(world, token, trader)
    owned = token.held.get(trader, 0)
    balances = [
        Balance("user_base", book.mint_texts, user, 6, owned, owned - base),
        Balance("pool_base", book.mint_texts, book.pool.address, 6, before.base, after.base),
    ]
    quotes, decimals = book.quote_texts, token.quote_decimals
    balances += [
        Balance("user_quote", quotes, user, decimals, own, own - quote),
        Balance("pool_quote", quotes, book.pool.address, decimals, before.quote, after.quote),
    ]
    rent = TOKEN_RENT_LAMPORTS
    lamports = {
        "user_quote": (rent + own, rent + own - quote),
        "pool_quote": (rent + before.quote, rent + after.quote),
    }
    values = {
        "pool": book.pool.address,
        "mint": token.mint,
        "quote_mint": book.quote_mint,
        "lp_mint": book.pool.lp_mint,
        "user_base": user_base,
        "user_quote": user_quote,
        "user_lp": user_lp,
        "pool_base": book.pool.base,
        "pool_quote": book.pool.quote,
    }
    errand = _errand(book.quote_program, decimals, in_sol=in_sol, adds=base > 0)
    amounts = (abs(base), abs(quote))
    run(world, writer, errand, trader, values, lamports, balances, [event], amounts)


def _errand(quote_program: bytes, decimals: int, *, in_sol: bool, adds: bool) -> Errand:
    ways = (("user_base", "pool_base"), ("user_quote", "pool_quote"))
    if not adds:
        ways = (("pool_base", "user_base"), ("pool_quote", "user_quote"))
    owner = "user" if adds else "pool"
    return Errand(
        "deposit" if adds else "withdraw",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("f223c68952e1f2b6" if adds else "b712469c946da122"),
        "Deposit" if adds else "Withdraw",
        (
            *(plain("pool", POOL_RENT_LAMPORTS), fixed(AMM_CONFIG), USER, MINT, QUOTE_MINT),
            *(plain("lp_mint", MINT_RENT_LAMPORTS), plain("user_base")),
            *(changed("user_quote", when=in_sol), plain("user_lp"), plain("pool_base")),
            *(changed("pool_quote", when=in_sol), fixed(TOKEN), fixed(TOKEN_2022)),
        ),
        (
            Move(ways[0][0], "mint", ways[0][1], owner, TOKEN_2022, 6),
            Move(ways[1][0], "quote_mint", ways[1][1], owner, quote_program, decimals),
        ),
    )
