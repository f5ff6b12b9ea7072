"""Migrations: a full curve's liquidity becomes the coin's canonical pool."""

from curvetape.simulator.accounts import (
    AMM_CONFIG,
    AMM_EVENTS,
    AMM_KEY,
    ASSOCIATED,
    GLOBAL,
    PUMP_EVENTS,
    PUMP_KEY,
    SYSTEM,
    TOKEN,
    TOKEN_2022,
    WSOL_KEY,
    associated,
    key,
)
from curvetape.simulator.calls import (
    CURVE_RENT_LAMPORTS,
    MINT_RENT_LAMPORTS,
    POOL_RENT_LAMPORTS,
    TOKEN_RENT_LAMPORTS,
    amount,
    open_account,
)
from curvetape.simulator.curves import curve_lamports
from curvetape.simulator.drafts import Account, Draft, fixed
from curvetape.simulator.events import BOOST_STARTED, MIGRATED, POOL_CREATED, Pending, pending
from curvetape.simulator.legs import Balance, u64
from curvetape.simulator.shapes import Shape
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Pool, Token
from curvetape.simulator.traders import POPULATION
from curvetape.simulator.transactions import Writer
from curvetape.simulator.wire import Hole
from domain.curve import MIGRATION_FEE_LAMPORTS, POOL_TOKENS, TOKEN_SUPPLY
from domain.pool import MINIMUM_LIQUIDITY, PoolReserves, boost_quote, initial_liquidity

MIGRATOR = POPULATION + 1
"""The trader who migrates them all."""
WITHDRAW_AUTHORITY = key("39azUYFWPz3VHgKCf3VChUwbpURdCHRxjWVowf5jUJjg")
_RENTS_LAMPORTS = 3 * TOKEN_RENT_LAMPORTS + POOL_RENT_LAMPORTS + MINT_RENT_LAMPORTS


def migrate(world: World, writer: Writer, token: Token) -> None:
    """Write the migration of a coin whose curve is full; it has a pool from then on."""
    book, pools = world.book(token), world.book(token).pool
    base = POOL_TOKENS - token.pool_base_out
    fee = token.scaled(MIGRATION_FEE_LAMPORTS)
    reserve = token.curve.real_quote + token.pool_quote_in
    quote = reserve - fee
    boost = boost_quote(base, quote, TOKEN_SUPPLY)
    liquidity = initial_liquidity(base, quote)
    migrator = world.crowd.key(MIGRATOR)
    events = [
        pending(
            POOL_CREATED,
            *(world.now_s, 0, pools.authority, token.mint, book.quote_mint),
            *(6, token.quote_decimals, base, quote, base, quote, MINIMUM_LIQUIDITY, liquidity),
            *(liquidity - MINIMUM_LIQUIDITY, pools.bump, pools.address, pools.lp_mint),
            *(pools.authority_base, pools.authority_quote, token.creator, token.mayhem),
            *(token.creator_fee_bps, False, token.holder_reward),
        ),
        pending(
            BOOST_STARTED,
            *(world.now_s, token.mint, book.curve, pools.address, boost, quote - boost),
        ),
        pending(
            MIGRATED,
            *(migrator, token.mint, base, quote, fee, book.curve, world.now_s),
            *(pools.address, token.quote_mint),
        ),
    ]
    about = ("migrate", token.quoted_in_sol, book.quote_program)
    shape = writer.shape(
        about, lambda: _shape(events, book.quote_program, in_sol=token.quoted_in_sol)
    )
    values = {
        "mint": token.mint,
        "quote_mint": book.quote_mint,
        "curve": book.curve,
        "curve_ata": book.curve_ata,
        "curve_quote_ata": book.curve_quote_ata,
        "pool": pools.address,
        "pool_authority": pools.authority,
        "lp_mint": pools.lp_mint,
        "pool_base": pools.base,
        "pool_quote": pools.quote,
        "authority_base": pools.authority_base,
        "authority_quote": pools.authority_quote,
        "boost_vault": pools.boost_vault,
        "boost_quote": pools.boost_quote,
        "base": u64(base),
        "quote": u64(quote),
        "boost": u64(boost),
        "lp": u64(liquidity - MINIMUM_LIQUIDITY),
        "authority_lp": associated(pools.authority, pools.lp_mint),
    }
    for number, event in enumerate(events):
        values[f"event.{number}"] = event.data
        values[f"log.event.{number}"] = event.logged
    balances = _balances(token, world, base, quote, boost, reserve)
    lamports = _lamports(world, token, quote, boost, fee)
    pool_reserves = PoolReserves(base, quote - boost, boost)
    token.pool = Pool(pool_reserves, liquidity, boost)
    token.migrate_slot = 0
    gained = 0 if token.quoted_in_sol else -_RENTS_LAMPORTS
    writer.write(shape, MIGRATOR, values, lamports, balances, gained, events)


def _lamports(
    world: World, token: Token, quote: int, boost: int, fee: int
) -> dict[str, tuple[int, int]]:
    rent = TOKEN_RENT_LAMPORTS
    lamports = {
        "pool": (0, POOL_RENT_LAMPORTS),
        "lp_mint": (0, MINT_RENT_LAMPORTS),
        "pool_base": (0, rent),
        "pool_quote": (0, rent),
        "authority_quote": (0, 0),
        "boost_quote": (0, rent),
        "curve_ata": (rent, rent),
    }
    if token.quoted_in_sol:
        held = curve_lamports(token)
        left = held - token.curve.real_quote - token.pool_quote_in
        assert left >= CURVE_RENT_LAMPORTS, "a curve keeps its rent"
        lamports["curve"] = (held, left)
        lamports["pool_quote"] = (0, rent + quote - boost)
        lamports["boost_quote"] = (0, rent + boost)
        kept = fee - _RENTS_LAMPORTS
        before = world.account(WITHDRAW_AUTHORITY)
        world.purses.accounts[WITHDRAW_AUTHORITY] = before + kept
        lamports["withdraw_authority"] = (before, before + kept)
    return lamports


def _balances(
    token: Token, world: World, base: int, quote: int, boost: int, reserve: int
) -> list[Balance]:
    book, pools = world.book(token), world.book(token).pool
    texts, quotes, decimals = book.mint_texts, book.quote_texts, token.quote_decimals
    balances = [
        Balance("curve_ata", texts, book.curve, 6, base, 0),
        Balance("pool_base", texts, pools.address, 6, None, base),
        Balance("pool_quote", quotes, pools.address, decimals, None, quote - boost),
        Balance("boost_quote", quotes, pools.boost_vault, decimals, None, boost),
    ]
    if not token.quoted_in_sol:
        kept = token.curve_protocol_unclaimed + token.curve_creator_unclaimed
        held = reserve + kept
        balances.append(
            Balance("curve_quote_ata", quotes, book.curve, decimals, held, held - quote)
        )
    return balances


def _shape(events: list[Pending], quote_program: bytes, *, in_sol: bool) -> Shape:
    draft = Draft("legacy", units_max=1_400_000)
    draft.budget()

    def made(name: str) -> Account:
        return Account(name, writable=True, lamports=None)

    user = Account("user", writable=True, signer=True, lamports=None)
    mint = Account("mint", lamports=MINT_RENT_LAMPORTS)
    quote_mint = fixed(WSOL_KEY) if in_sol else Account("quote_mint", lamports=MINT_RENT_LAMPORTS)
    curve = made("curve") if in_sol else Account("curve", writable=True)
    authority = Account("pool_authority", writable=True)
    pool, lp_mint, boost_vault = made("pool"), made("lp_mint"), Account("boost_vault")
    pool_base, pool_quote, boost_quote_ = made("pool_base"), made("pool_quote"), made("boost_quote")
    own_base = Account("authority_base", writable=True, lamports=0)
    own_quote = made("authority_quote")
    curve_ata, curve_quote = made("curve_ata"), Account("curve_quote_ata", writable=True)
    keeper = (
        Account("withdraw_authority", writable=True, address=WITHDRAW_AUTHORITY, lamports=None)
        if in_sol
        else fixed(WITHDRAW_AUTHORITY)
    )
    called = [
        *(fixed(GLOBAL), keeper, mint, quote_mint, curve, curve_ata, curve_quote, user),
        *(fixed(SYSTEM), fixed(AMM_KEY), pool, authority, own_base, own_quote, fixed(AMM_CONFIG)),
        *(lp_mint, pool_base, pool_quote, fixed(TOKEN_2022), fixed(TOKEN), fixed(ASSOCIATED)),
        *(fixed(AMM_EVENTS), fixed(PUMP_KEY), fixed(PUMP_EVENTS), boost_vault, boost_quote_),
    ]
    sizes = [len(event.data) for event in events]
    migrate_v2 = bytes.fromhex("bbcb121fceedfe29")
    with draft.call(PUMP_KEY, called, migrate_v2, log="Instruction: MigrateV2", units=95_000):
        for account, owner, of, program in (
            (pool_base, pool, mint, TOKEN_2022),
            (pool_quote, pool, quote_mint, quote_program),
            (own_base, authority, mint, TOKEN_2022),
            (own_quote, authority, quote_mint, quote_program),
        ):
            open_account(draft, account, owner, of, program)
        _transfer(draft, TOKEN_2022, (curve_ata, mint, own_base, curve), "base", 6)
        if in_sol:
            with draft.call(TOKEN, (own_quote, curve), b"\x11", units=118):
                pass
        else:
            ways = (curve_quote, quote_mint, own_quote, curve)
            _transfer(draft, quote_program, ways, "quote", 6)
        creating = (pool, fixed(AMM_CONFIG), authority, mint, quote_mint, lp_mint, own_base)
        own_lp = Account("authority_lp", writable=True, lamports=0)
        create = (bytes.fromhex("e992d18ecf6840bc"), bytes(2), amount("base"), amount("quote"))
        with draft.call(AMM_KEY, creating, *create, log="Instruction: CreatePool", units=42_000):
            _make_pool(draft, authority, pool, lp_mint)
            open_account(draft, own_lp, authority, lp_mint, TOKEN_2022)
            _transfer(draft, TOKEN_2022, (own_base, mint, pool_base, authority), "base", 6)
            ways = (own_quote, quote_mint, pool_quote, authority)
            _transfer(draft, quote_program, ways, "quote", 9 if in_sol else 6)
            mint_to = (b"\x07", amount("lp"))
            ways_lp = (lp_mint, own_lp, pool)
            with draft.call(TOKEN_2022, ways_lp, *mint_to, log="Instruction: MintTo", units=1_307):
                pass
            draft.event(AMM_KEY, AMM_EVENTS, Hole("event.0", sizes[0]))
        boosting = (pool, fixed(AMM_CONFIG), authority, mint, quote_mint, pool_base, pool_quote)
        init = bytes.fromhex("8ce9215e845ac28f")
        with draft.call(AMM_KEY, boosting, init, log="Instruction: InitBoost", units=18_000):
            open_account(draft, boost_quote_, boost_vault, quote_mint, quote_program)
            ways = (pool_quote, quote_mint, boost_quote_, pool)
            _transfer(draft, quote_program, ways, "boost", 9 if in_sol else 6)
            draft.event(AMM_KEY, AMM_EVENTS, Hole("event.1", sizes[1]))
        _clean_up(draft, authority, keeper, lp_mint, (own_base, own_quote, own_lp), quote_program)
        draft.event(PUMP_KEY, PUMP_EVENTS, Hole("event.2", sizes[2]))
    return draft.finish()


def _make_pool(draft: Draft, authority: Account, pool: Account, lp_mint: Account) -> None:
    """The pool's own account and the mint of its LP tokens."""
    for account, rent, owner in (
        (pool, POOL_RENT_LAMPORTS, AMM_KEY),
        (lp_mint, MINT_RENT_LAMPORTS, TOKEN_2022),
    ):
        space = rent.to_bytes(8, "little") + (300).to_bytes(8, "little") + owner
        with draft.call(SYSTEM, (authority, account), bytes(4) + space):
            pass
    log = "Instruction: InitializeMint2"
    with draft.call(TOKEN_2022, (lp_mint,), b"\x14\x09" + bytes(33), log=log, units=1_275):
        pass


def _clean_up(
    draft: Draft,
    authority: Account,
    keeper: Account,
    lp_mint: Account,
    own: tuple[Account, Account, Account],
    quote_program: bytes,
) -> None:
    """The LP tokens are burned for good, and what was needed on the way is closed."""
    own_base, own_quote, own_lp = own
    burned = (own_lp, lp_mint, authority)
    burn = (b"\x08", amount("lp"))
    with draft.call(TOKEN_2022, burned, *burn, log="Instruction: Burn", units=1_427):
        pass
    for account, program in (
        (own_base, TOKEN_2022),
        (own_quote, quote_program),
        (own_lp, TOKEN_2022),
    ):
        log = "Instruction: CloseAccount" if program == TOKEN_2022 else None
        with draft.call(program, (account, keeper, authority), b"\x09", log=log, units=1_595):
            pass


def _transfer(
    draft: Draft,
    program: bytes,
    ways: tuple[Account, Account, Account, Account],
    hole: str,
    decimals: int,
) -> None:
    log, units = ("Instruction: TransferChecked", 2_562) if program == TOKEN_2022 else (None, 112)
    data = (b"\x0c", amount(hole), bytes((decimals,)))
    with draft.call(program, ways, *data, log=log, units=units):
        pass
