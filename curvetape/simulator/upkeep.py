"""What happens beside trading: liquidity, boosts, fee sweeps, and mayhem's new prices."""

from collections.abc import Callable
from typing import NamedTuple

from curvetape.simulator.accounts import (
    AMM_CONFIG,
    AMM_EVENTS,
    AMM_KEY,
    FEE_RECIPIENTS,
    GLOBAL,
    MAYHEM_PROGRAM,
    PUMP_EVENTS,
    PUMP_KEY,
    TOKEN_2022,
    associated,
)
from curvetape.simulator.calls import (
    MINT_RENT_LAMPORTS,
    POOL_RENT_LAMPORTS,
    TOKEN_RENT_LAMPORTS,
    VAULT_RENT_LAMPORTS,
)
from curvetape.simulator.curves import curve_lamports
from curvetape.simulator.drafts import Account, Draft, fixed
from curvetape.simulator.events import (
    BURNED,
    CURVE_SWEPT,
    DEPOSITED,
    POOL_SWEPT,
    REPRICED,
    WITHDRAWN,
    Pending,
    pending,
)
from curvetape.simulator.legs import Balance
from curvetape.simulator.pools import pool_of
from curvetape.simulator.shapes import Shape
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Token
from curvetape.simulator.traders import POPULATION
from curvetape.simulator.transactions import Writer, any_version
from curvetape.simulator.wire import Hole
from domain.curve import CurveReserves
from domain.pool import PoolReserves, deposit_cost, withdrawal

KEEPER = POPULATION + 2
"""The trader who sweeps fees, spends boosts and reprices coins in mayhem mode."""


class _Errand(NamedTuple):
    """An instruction that emits some events and is called by nobody else."""

    about: str
    program: bytes
    authority: bytes
    discriminator: bytes
    log: str
    accounts: tuple[Account, ...]
    through: bytes | None = None


def deposit(world: World, writer: Writer, token: Token, trader: int) -> None:
    """Somebody adds liquidity to a coin's pool."""
    pool, book = pool_of(token), world.book(token)
    before = pool.reserves
    owned = token.held.get(trader, 0)
    lp_amount = pool.lp_supply * min(owned, before.base // 20) // (2 * before.base)
    if lp_amount < 1:
        return
    base, quote = deposit_cost(before, lp_amount, pool.lp_supply)
    own = world.quote(book.quote_mint, trader, quote)
    user = world.crowd.key(trader)
    amounts = (lp_amount, base * 101 // 100, quote * 101 // 100, owned, own)
    event = pending(
        DEPOSITED,
        *(world.now_s, *amounts, before.base, before.quote, base, quote, pool.lp_supply),
        *_parties(world, token, user),
    )
    after = PoolReserves(before.base + base, before.quote + quote, before.virtual_quote)
    _liquidity(world, writer, token, trader, after, owned - base, own - quote, event)
    pool.reserves, pool.lp_supply = after, pool.lp_supply + lp_amount
    pool.depositors[trader] = pool.depositors.get(trader, 0) + lp_amount
    token.take(trader, base)
    world.purses.quotes[book.quote_mint][trader] = own - quote


def withdraw(world: World, writer: Writer, token: Token, trader: int) -> None:
    """Somebody takes all the liquidity back that was added."""
    pool, book = pool_of(token), world.book(token)
    before, lp_amount = pool.reserves, pool.depositors[trader]
    base, quote = withdrawal(before, lp_amount, pool.lp_supply)
    if base < 1 or quote < 1:
        return
    owned = token.held.get(trader, 0)
    own = world.quote(book.quote_mint, trader, 1)
    user = world.crowd.key(trader)
    event = pending(
        WITHDRAWN,
        *(world.now_s, lp_amount, base * 99 // 100, quote * 99 // 100, owned, own),
        *(before.base, before.quote, base, quote, pool.lp_supply),
        *_parties(world, token, user),
    )
    after = PoolReserves(before.base - base, before.quote - quote, before.virtual_quote)
    _liquidity(world, writer, token, trader, after, owned + base, own + quote, event)
    pool.reserves, pool.lp_supply = after, pool.lp_supply - lp_amount
    del pool.depositors[trader]
    token.give(trader, base)
    world.purses.quotes[book.quote_mint][trader] = own + quote


def _parties(world: World, token: Token, user: bytes) -> tuple[bytes, ...]:
    book = world.book(token)
    return (
        book.pool.address,
        user,
        associated(user, token.mint),
        associated(user, book.quote_mint, book.quote_program),
        associated(user, book.pool.lp_mint),
    )


def _liquidity(
    world: World,
    writer: Writer,
    token: Token,
    trader: int,
    after: PoolReserves,
    owned_after: int,
    own_after: int,
    event: Pending,
) -> None:
    book, before, user = world.book(token), pool_of(token).reserves, world.crowd.key(trader)
    adds = after.base > before.base
    own_before = own_after + after.quote - before.quote
    in_sol = token.quoted_in_sol
    errand = _Errand(
        f"{'deposit' if adds else 'withdraw'} {in_sol}",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("f223c68952e1f2b6" if adds else "b712469c946da122"),
        "Deposit" if adds else "Withdraw",
        (
            *(
                _plain("pool", POOL_RENT_LAMPORTS),
                fixed(AMM_CONFIG),
                _plain("mint", MINT_RENT_LAMPORTS),
            ),
            *(_plain("user_ata"), _changed("user_quote", in_sol), _plain("user_lp")),
            *(_plain("pool_base"), _changed("pool_quote", in_sol)),
        ),
    )
    pools, quotes = book.pool, book.quote_texts
    user_ata, user_quote, user_lp = _parties(world, token, user)[2:]
    values = {
        "pool": pools.address,
        "mint": token.mint,
        "user_ata": user_ata,
        "user_quote": user_quote,
        "user_lp": user_lp,
        "pool_base": pools.base,
        "pool_quote": pools.quote,
    }
    decimals = token.quote_decimals
    owned = token.held.get(trader)
    balances = [
        Balance("user_ata", book.mint_texts, user, 6, owned or 0, owned_after),
        Balance("user_quote", quotes, user, decimals, own_before, own_after),
        Balance("pool_base", book.mint_texts, pools.address, 6, before.base, after.base),
        Balance("pool_quote", quotes, pools.address, decimals, before.quote, after.quote),
    ]
    rent = TOKEN_RENT_LAMPORTS
    lamports = {
        "user_quote": (rent + own_before, rent + own_after),
        "pool_quote": (rent + before.quote, rent + after.quote),
    }
    _run(world, writer, errand, trader, values, lamports, balances, [event])


def burn(world: World, writer: Writer, token: Token) -> None:
    """A part of the boost vault buys the coin from its pool and burns what it got."""
    pool, book = pool_of(token), world.book(token)
    before, asked = pool.reserves, pool.boost_quote // 12
    spent = min(asked, pool.boost_quote)
    base = before.base * (spent - 1) // (before.priced_quote + spent - 1) if spent > 1 else 0
    if base < 1:
        return
    pools, keeper = book.pool, world.crowd.key(KEEPER)
    after = PoolReserves(before.base - base, before.quote + spent, before.virtual_quote)
    left = pool.boost_quote - spent
    event = pending(
        BURNED,
        *(world.now_s, token.mint, book.curve, pools.address, keeper, asked, spent, base),
        *(after.virtual_quote, after.quote, after.base, left),
    )
    in_sol = token.quoted_in_sol
    errand = _Errand(
        f"burn {in_sol}",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("694406af000723a2"),
        "BoostBuyAndBurn",
        (
            *(
                _plain("pool", POOL_RENT_LAMPORTS),
                fixed(AMM_CONFIG),
                _plain("mint", MINT_RENT_LAMPORTS),
            ),
            *(_plain("pool_base"), _changed("pool_quote", in_sol), _changed("boost_quote", in_sol)),
            fixed(TOKEN_2022),
        ),
    )
    values = {
        "pool": pools.address,
        "mint": token.mint,
        "pool_base": pools.base,
        "pool_quote": pools.quote,
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
    _run(world, writer, errand, KEEPER, values, lamports, balances, [event])
    pool.reserves, pool.boost_quote = after, left
    token.supply -= base


def sweep(world: World, writer: Writer, token: Token) -> None:
    """Fees that stayed in a coin's market are paid out: the protocol's (0), the creator's (1)."""
    if token.pool is None:
        _sweep_curve(world, writer, token)
    else:
        _sweep_pool(world, writer, token)


def _sweep_curve(world: World, writer: Writer, token: Token) -> None:
    book = world.book(token)
    shares = (
        (FEE_RECIPIENTS[0], token.curve_protocol_unclaimed),
        (book.creator_vault, token.curve_creator_unclaimed),
    )
    total = sum(amount for _, amount in shares)
    if not token.quoted_in_sol or min(amount for _, amount in shares) == 0:
        return
    events = [
        pending(
            CURVE_SWEPT,
            *(world.now_s, token.mint, book.curve, token.quote_mint, recipient, amount, bucket),
        )
        for bucket, (recipient, amount) in enumerate(shares)
    ]
    errand = _Errand(
        "sweep curve",
        PUMP_KEY,
        PUMP_EVENTS,
        bytes.fromhex("e0c326e638c7f4c5"),
        "SweepBondingCurveFee",
        (
            *(fixed(GLOBAL), _plain("mint", MINT_RENT_LAMPORTS), _changed("curve", True)),
            *(_changed("to.0", True), _changed("to.1", True)),
        ),
    )
    values = {"mint": token.mint, "curve": book.curve}
    held = curve_lamports(token)
    lamports = {"curve": (held, held - total)}
    for bucket, (recipient, amount) in enumerate(shares):
        before = world.account(recipient)
        values[f"to.{bucket}"] = recipient
        rent = VAULT_RENT_LAMPORTS + before
        lamports[f"to.{bucket}"] = (rent, rent + amount)
        world.purses.accounts[recipient] = before + amount
    _run(world, writer, errand, KEEPER, values, lamports, [], events)
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
    in_sol = token.quoted_in_sol
    errand = _Errand(
        f"sweep pool {in_sol}",
        AMM_KEY,
        AMM_EVENTS,
        bytes.fromhex("091e953d8bb9e0f8"),
        "SweepPoolFee",
        (
            *(_plain("pool", POOL_RENT_LAMPORTS), _plain("mint", MINT_RENT_LAMPORTS)),
            *(_changed("pool_quote", in_sol), _changed("to.0", in_sol), _changed("to.1", in_sol)),
        ),
    )
    # What is paid out stops being owed, so the virtual reserves grow back and the price stays.
    after = PoolReserves(before.base, before.quote - total, before.virtual_quote + total)
    rent, quotes, decimals = TOKEN_RENT_LAMPORTS, book.quote_texts, token.quote_decimals
    values = {"pool": pools.address, "mint": token.mint, "pool_quote": pools.quote}
    lamports = {"pool_quote": (rent + before.quote, rent + after.quote)}
    balances = [Balance("pool_quote", quotes, pools.address, decimals, before.quote, after.quote)]
    for bucket, (recipient, amount) in enumerate(shares):
        address = associated(recipient, book.quote_mint, book.quote_program)
        held = world.account(address)
        values[f"to.{bucket}"] = address
        lamports[f"to.{bucket}"] = (rent + held, rent + held + amount)
        balances.append(Balance(f"to.{bucket}", quotes, recipient, decimals, held, held + amount))
        world.purses.accounts[address] = held + amount
    _run(world, writer, errand, KEEPER, values, lamports, balances, events)
    pool.reserves = after
    pool.protocol_unclaimed = pool.creator_unclaimed = 0


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
    errand = _Errand(
        "reprice",
        PUMP_KEY,
        PUMP_EVENTS,
        bytes.fromhex("3da9bcbf99952a61"),
        "SetMayhemVirtualParams",
        (fixed(GLOBAL), _plain("mint", MINT_RENT_LAMPORTS), _changed("curve", True)),
        MAYHEM_PROGRAM,
    )
    held = curve_lamports(token)
    values = {"mint": token.mint, "curve": book.curve}
    _run(world, writer, errand, KEEPER, values, {"curve": (held, held)}, [], [event])
    token.curve = CurveReserves(virtual, curve.virtual_token, curve.real_quote, curve.real_token)


def _plain(name: str, lamports: int = TOKEN_RENT_LAMPORTS) -> Account:
    return Account(name, writable=True, lamports=lamports)


def _changed(name: str, changes: bool) -> Account:
    return Account(name, writable=True, lamports=None if changes else TOKEN_RENT_LAMPORTS)


def _run(
    world: World,
    writer: Writer,
    errand: _Errand,
    trader: int,
    values: dict[str, bytes],
    lamports: dict[str, tuple[int, int]],
    balances: list[Balance],
    events: list[Pending],
) -> None:
    version = any_version(world.random)
    sizes = tuple(len(event.data) for event in events)
    for number, event in enumerate(events):
        values[f"event.{number}"] = event.data
        values[f"log.event.{number}"] = event.logged

    def make() -> Shape:
        draft = Draft(version)
        draft.budget()
        user = Account("user", writable=True, signer=True, lamports=None)
        called = (*errand.accounts, user, fixed(errand.authority), fixed(errand.program))

        def run() -> None:
            log = f"Instruction: {errand.log}"
            with draft.call(errand.program, called, errand.discriminator, log=log, units=24_000):
                for number, size in enumerate(sizes):
                    draft.event(errand.program, errand.authority, Hole(f"event.{number}", size))

        _through(draft, errand.through, user, run)
        return draft.finish()

    shape = writer.shape((errand.about, version, sizes), make)
    writer.write(shape, trader, values, lamports, balances, 0, events)


def _through(draft: Draft, program: bytes | None, user: Account, run: Callable[[], None]) -> None:
    if program is None:
        run()
        return
    with draft.call(program, (user,), b"\x01", log="Instruction: UpdateMayhem", units=9_000):
        run()
