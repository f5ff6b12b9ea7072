"""What two programs do to coins on their own: boosts burn supply, and mayhem sets new prices."""

from curvetape.simulator.accounts import (
    AMM_CONFIG,
    AMM_EVENTS,
    AMM_KEY,
    GLOBAL,
    MAYHEM_AUTHORITY,
    MAYHEM_PROGRAM,
    PUMP_EVENTS,
    PUMP_KEY,
    TOKEN_2022,
    associated,
)
from curvetape.simulator.calls import POOL_RENT_LAMPORTS, TOKEN_RENT_LAMPORTS, VAULT_RENT_LAMPORTS
from curvetape.simulator.curves import curve_lamports
from curvetape.simulator.drafts import fixed
from curvetape.simulator.errands import MINT, QUOTE_MINT, USER, Errand, Move, changed, plain, run
from curvetape.simulator.events import BURNED, REPRICED, pending
from curvetape.simulator.legs import Balance
from curvetape.simulator.pools import pool_of
from curvetape.simulator.state import World
from curvetape.simulator.sweeps import KEEPER
from curvetape.simulator.tokens import Token
from curvetape.simulator.transactions import Writer
from domain.curve import CurveReserves
from domain.pool import PoolReserves

_PARTS = 12
"""A boost spends this part of what its vault still has."""


def burn(world: World, writer: Writer, token: Token) -> None:
    """A part of the boost vault buys the coin from its pool and burns what it got."""
    pool, book = pool_of(token), world.book(token)
    before, spent = pool.reserves, pool.boost_quote // _PARTS
    base = before.base * (spent - 1) // (before.priced_quote + spent - 1) if spent > 1 else 0
    if base < 1:
        return
    pools, keeper = book.pool, world.crowd.key(KEEPER)
    after = PoolReserves(before.base - base, before.quote + spent, before.virtual_quote)
    left = pool.boost_quote - spent
    event = pending(
        BURNED,
        *(world.now_s, token.mint, book.curve, pools.address, keeper, spent, spent, base),
        *(after.virtual_quote, after.quote, after.base, left),
    )
    values = {
        "pool": pools.address,
        "mint": token.mint,
        "quote_mint": book.quote_mint,
        "pool_base": pools.base,
        "pool_quote": pools.quote,
        "boost_vault": pools.boost_vault,
        "boost_quote": pools.boost_quote,
    }
    quotes, decimals, rent = book.quote_texts, token.quote_decimals, TOKEN_RENT_LAMPORTS
    balances = [
        Balance("pool_base", book.mint_texts, pools.address, 6, before.base, after.base),
        Balance("pool_quote", quotes, pools.address, decimals, before.quote, after.quote),
        Balance("boost_quote", quotes, pools.boost_vault, decimals, pool.boost_quote, left),
    ]
    lamports = {
        "pool_quote": (rent + before.quote, rent + after.quote),
        "boost_quote": (rent + pool.boost_quote, rent + left),
    }
    errand = _burning(book.quote_program, decimals, in_sol=token.quoted_in_sol)
    run(world, writer, errand, KEEPER, values, lamports, balances, [event], (spent,))
    pool.reserves, pool.boost_quote = after, left
    token.supply -= base


def _burning(quote_program: bytes, decimals: int, *, in_sol: bool) -> Errand:
    return Errand(
        "burn",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("694406af000723a2"),
        "BoostBuyAndBurn",
        (
            *(plain("pool", POOL_RENT_LAMPORTS), USER, fixed(AMM_CONFIG), MINT, QUOTE_MINT),
            *(plain("pool_base"), changed("pool_quote", when=in_sol)),
            *(plain("boost_vault", VAULT_RENT_LAMPORTS), changed("boost_quote", when=in_sol)),
            *(fixed(TOKEN_2022), fixed(quote_program)),
        ),
        (Move("boost_quote", "quote_mint", "pool_quote", "boost_vault", quote_program, decimals),),
    )


def reprice(world: World, writer: Writer, token: Token) -> None:
    """Mayhem's program gives a coin's curve new virtual quote reserves."""
    curve, book = token.curve, world.book(token)
    virtual = int(curve.virtual_quote * (0.97 + 0.07 * world.random.random()))
    if virtual <= curve.real_quote:
        return
    event = pending(
        REPRICED,
        *(world.now_s, token.mint, curve.virtual_token, curve.virtual_quote),
        *(curve.virtual_token, virtual, curve.real_token, curve.real_quote),
    )
    errand = Errand(
        "reprice",
        PUMP_KEY,
        PUMP_EVENTS,
        bytes.fromhex("3da9bcbf99952a61"),
        "SetMayhemVirtualParams",
        (
            *(fixed(MAYHEM_AUTHORITY), plain("mayhem_ata"), MINT, fixed(GLOBAL)),
            *(changed("curve"), fixed(TOKEN_2022)),
        ),
        through=MAYHEM_PROGRAM,
    )
    held = curve_lamports(token)
    values = {
        "mint": token.mint,
        "curve": book.curve,
        "mayhem_ata": associated(MAYHEM_AUTHORITY, token.mint),
    }
    run(world, writer, errand, KEEPER, values, {"curve": (held, held)}, [], [event])
    token.curve = CurveReserves(virtual, curve.virtual_token, curve.real_quote, curve.real_token)
