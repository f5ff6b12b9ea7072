"""How the programs are called: accounts, nested calls and log lines of each instruction."""

from typing import Literal, NamedTuple

from curvetape.simulator.accounts import (
    AMM_CONFIG,
    AMM_EVENTS,
    AMM_FEE_CONFIG,
    AMM_KEY,
    AMM_VOLUME,
    ASSOCIATED,
    FEES_KEY,
    GLOBAL,
    PUMP_EVENTS,
    PUMP_FEE_CONFIG,
    PUMP_KEY,
    PUMP_VOLUME,
    SYSTEM,
    TOKEN,
    TOKEN_2022,
    WSOL_KEY,
)
from curvetape.simulator.drafts import Account, Draft, fixed
from curvetape.simulator.wire import Hole, Part

TOKEN_RENT_LAMPORTS = 1_513_840
CURVE_RENT_LAMPORTS = 1_493_520
POOL_RENT_LAMPORTS = 2_179_320
MINT_RENT_LAMPORTS = 2_717_800
VAULT_RENT_LAMPORTS = 890_880


class Kind(NamedTuple):
    """An instruction that trades."""

    market: Literal["curve", "pool"]
    buys: bool
    exact_quote: bool
    """Whether the amount to spend is given, rather than the tokens to get."""
    keeps_fees: bool
    """Whether the fees stay in the market's own account until they are swept."""
    discriminator: bytes
    log: str
    ix_name: str


def _kind(
    market: Literal["curve", "pool"],
    discriminator: str,
    log: str,
    ix_name: str,
    *,
    keeps_fees: bool,
) -> Kind:
    buys, exact = not log.startswith("Sell"), "Exact" in log
    return Kind(market, buys, exact, keeps_fees, bytes.fromhex(discriminator), log, ix_name)


CURVE_BUY = _kind("curve", "66063d1201daebea", "Buy", "buy", keeps_fees=False)
CURVE_BUY_EXACT = _kind(
    "curve", "38fc74089edfcd5f", "BuyExactSolIn", "buy_exact_sol_in", keeps_fees=False
)
CURVE_SELL = _kind("curve", "33e685a4017f83ad", "Sell", "sell", keeps_fees=False)
CURVE_BUY_V3 = _kind("curve", "07051dc4f5176550", "BuyV3", "buy", keeps_fees=True)
CURVE_BUY_EXACT_V3 = _kind(
    "curve", "e1f7501ed5b38488", "BuyExactQuoteInV3", "buy_exact_quote_in", keeps_fees=True
)
CURVE_SELL_V3 = _kind("curve", "1c92de7726c469d5", "SellV3", "sell", keeps_fees=True)
POOL_BUY = _kind("pool", "66063d1201daebea", "Buy", "buy", keeps_fees=False)
POOL_BUY_EXACT = _kind(
    "pool", "c62e1552b4d9e870", "BuyExactQuoteIn", "buy_exact_quote_in", keeps_fees=False
)
POOL_SELL = _kind("pool", "33e685a4017f83ad", "Sell", "sell", keeps_fees=False)
POOL_BUY_V2 = _kind("pool", "b817ee6167c5d33d", "BuyV2", "buy_v2", keeps_fees=True)
POOL_BUY_EXACT_V2 = _kind(
    "pool", "c2ab1c46684d5b2f", "BuyExactQuoteInV2", "buy_exact_quote_in_v2", keeps_fees=True
)
POOL_SELL_V2 = _kind("pool", "5df6823ce7e940b2", "SellV2", "sell_v2", keeps_fees=True)


class Form(NamedTuple):
    """What a trade's layout in a transaction depends on."""

    kind: Kind
    in_sol: bool
    quote_program: bytes
    opens_account: bool
    """Whether the buyer's token account is made on the way."""
    events: tuple[int, ...]
    """The sizes of what it emits."""


def amount(name: str) -> Hole:
    """A place for a u64."""
    return Hole(name, 8)


def open_account(
    draft: Draft, account: Account, owner: Account, mint: Account, program: bytes
) -> None:
    """Make a token account unless it exists, at the user's expense."""
    called = (_user(), account, owner, mint, fixed(SYSTEM), fixed(program))
    with draft.call(ASSOCIATED, called, b"\x01", log="CreateIdempotent", units=10_300):
        with draft.call(program, (mint,), b"\x15\x07\x00", units=1_425, returned="qgAAAAAAAAA="):
            pass
        rent = TOKEN_RENT_LAMPORTS.to_bytes(8, "little") + (170).to_bytes(8, "little") + program
        with draft.call(SYSTEM, (_user(), account), bytes(4) + rent):
            pass
        draft.note("Initialize the associated token account")
        with draft.call(program, (account,), b"\x16", units=734):
            pass
        owner_part: Part = owner.address or Hole(owner.name, 32)
        with draft.call(program, (account, mint), b"\x12", owner_part, units=2_850):
            pass


def wrap(draft: Draft, wrapped: Hole) -> None:
    """Turn lamports of the user into wrapped SOL in an account of its own."""
    open_account(draft, _wrapped(), _user(), fixed(WSOL_KEY), TOKEN)
    with draft.call(SYSTEM, (_user(), _wrapped()), b"\x02\0\0\0", wrapped):
        pass
    with draft.call(TOKEN, (_wrapped(),), b"\x11", units=118):
        pass


def unwrap(draft: Draft) -> None:
    """Close the account with the wrapped SOL and get all of its lamports."""
    with draft.call(TOKEN, (_wrapped(), _user(), _user()), b"\x09", units=118):
        pass


def trade(draft: Draft, form: Form, leg: int) -> None:
    """Call the program that makes a trade; `leg` numbers the trades of one transaction."""
    if form.kind.market == "curve":
        _curve_trade(draft, form, leg)
    else:
        _pool_trade(draft, form, leg)


def _curve_trade(draft: Draft, form: Form, leg: int) -> None:
    kind = form.kind
    curve = Account(f"curve.{leg}", writable=True, lamports=None if form.in_sol else 2_000_000)
    mint = Account(f"mint.{leg}", lamports=MINT_RENT_LAMPORTS)
    curve_ata = _token(f"curve_ata.{leg}")
    user_ata = _user_ata(form, leg)
    quote = _quote_mint(form, leg)
    user_quote = _wrapped() if form.in_sol else _token(f"user_quote_ata.{leg}")
    buyback = _paid(f"buyback_to.{leg}") if form.in_sol else _token(f"buyback_ata.{leg}")
    if kind.keeps_fees:
        called = [
            *(fixed(GLOBAL), mint, quote, fixed(TOKEN_2022), fixed(form.quote_program)),
            *(curve, curve_ata, _token(f"curve_quote_ata.{leg}"), _user(), user_ata),
            *(user_quote, _plain("volume"), fixed(PUMP_FEE_CONFIG), buyback),
            *(fixed(SYSTEM), fixed(PUMP_EVENTS), fixed(PUMP_KEY)),
        ]
    else:
        vault = _paid(f"creator_vault.{leg}")
        volume = (fixed(PUMP_VOLUME), _plain("volume")) if kind.buys else ()
        rest = (fixed(TOKEN_2022), vault) if kind.buys else (vault, fixed(TOKEN_2022))
        called = [
            *(fixed(GLOBAL), _paid(f"protocol_to.{leg}"), mint, curve, curve_ata),
            *(user_ata, _user(), fixed(SYSTEM), *rest, fixed(PUMP_EVENTS), fixed(PUMP_KEY)),
            *(*volume, fixed(PUMP_FEE_CONFIG), fixed(FEES_KEY), buyback),
        ]
    data = (kind.discriminator, amount(f"first.{leg}"), amount(f"second.{leg}"))
    with draft.call(PUMP_KEY, called, *data, log=f"Instruction: {kind.log}", units=31_000):
        if not kind.keeps_fees:
            _ask_fees(draft, PUMP_FEE_CONFIG, PUMP_KEY)
        ways = (
            (curve_ata, mint, user_ata, curve)
            if kind.buys
            else (user_ata, mint, curve_ata, _user())
        )
        _move(draft, TOKEN_2022, ways, f"tokens.{leg}", 6)
        if not form.in_sol:
            own, theirs = _token(f"user_quote_ata.{leg}"), _token(f"curve_quote_ata.{leg}")
            source, target, of = (own, theirs, _user()) if kind.buys else (theirs, own, curve)
            for name, to in (("paid", target), ("buyback", buyback)):
                _move(draft, form.quote_program, (source, quote, to, of), f"{name}.{leg}", 6)
        elif kind.buys:
            # A curve that keeps fees passes the buyback on without a call: it owns its lamports.
            targets = [("paid", curve)]
            if not kind.keeps_fees:
                targets += [
                    ("protocol", _paid(f"protocol_to.{leg}")),
                    ("buyback", buyback),
                    ("creator_fee", vault),
                ]
            for name, to in targets:
                with draft.call(SYSTEM, (_user(), to), b"\x02\0\0\0", amount(f"{name}.{leg}")):
                    pass
        for number, event_size in enumerate(form.events):
            draft.event(PUMP_KEY, PUMP_EVENTS, Hole(f"event.{leg}.{number}", event_size))


def _pool_trade(draft: Draft, form: Form, leg: int) -> None:
    kind = form.kind
    pool = Account(f"pool.{leg}", writable=True, lamports=POOL_RENT_LAMPORTS)
    mint = Account(f"mint.{leg}", lamports=MINT_RENT_LAMPORTS)
    quote = _quote_mint(form, leg)
    base_vault = _token(f"pool_base.{leg}")
    quote_vault = Account(
        f"pool_quote.{leg}", writable=True, lamports=None if form.in_sol else TOKEN_RENT_LAMPORTS
    )
    user_ata = _user_ata(form, leg)
    user_quote = _wrapped() if form.in_sol else _token(f"user_quote_ata.{leg}")
    paid = None if form.in_sol else TOKEN_RENT_LAMPORTS
    fees_to = [
        (name, Account(f"{name}_ata.{leg}", writable=True, lamports=paid))
        for name in ("protocol", "buyback", "creator_fee")
    ]
    protocol, buyback, creator = (to for _, to in fees_to)
    parties = (pool, _user(), fixed(AMM_CONFIG), mint, quote, user_ata, user_quote)
    programs = (fixed(TOKEN_2022), fixed(form.quote_program), fixed(SYSTEM))
    if kind.keeps_fees:
        fees_to = [("buyback", buyback)]
        called = [
            *(*parties, base_vault, quote_vault, *programs, _plain("amm_volume")),
            *(fixed(AMM_FEE_CONFIG), buyback, fixed(AMM_EVENTS), fixed(AMM_KEY)),
        ]
    else:
        volume = (fixed(AMM_VOLUME),) if kind.buys else ()
        called = [
            *(*parties, base_vault, quote_vault, _plain(f"protocol_to.{leg}"), protocol),
            *(*programs, fixed(ASSOCIATED), fixed(AMM_EVENTS), fixed(AMM_KEY), creator),
            *(_plain(f"pool_creator_vault.{leg}"), *volume, fixed(AMM_FEE_CONFIG)),
            *(fixed(FEES_KEY), buyback),
        ]
    data = (kind.discriminator, amount(f"first.{leg}"), amount(f"second.{leg}"))
    with draft.call(AMM_KEY, called, *data, log=f"Instruction: {kind.log}", units=55_000):
        if not kind.keeps_fees:
            _ask_fees(draft, AMM_FEE_CONFIG, AMM_KEY)
        base = (
            (base_vault, mint, user_ata, pool)
            if kind.buys
            else (user_ata, mint, base_vault, _user())
        )
        _move(draft, TOKEN_2022, base, f"tokens.{leg}", 6)
        decimals = 9 if form.in_sol else 6
        source = (user_quote, _user()) if kind.buys else (quote_vault, pool)
        target = quote_vault if kind.buys else user_quote
        moved = (source[0], quote, target, source[1])
        _move(draft, form.quote_program, moved, f"paid.{leg}", decimals)
        for name, to in fees_to:
            ways = (source[0], quote, to, source[1])
            _move(draft, form.quote_program, ways, f"{name}.{leg}", decimals)
        for number, event_size in enumerate(form.events):
            draft.event(AMM_KEY, AMM_EVENTS, Hole(f"event.{leg}.{number}", event_size))


def _ask_fees(draft: Draft, config: bytes, program: bytes) -> None:
    """The programs ask a third one for the rates."""
    asked = bytes.fromhex("9aed8a5ca202a2bb01") + bytes(32)
    with draft.call(
        FEES_KEY,
        (fixed(config), fixed(program)),
        asked,
        log="Instruction: GetFeesWithQuoteMint",
        units=3_360,
    ):
        pass


def _move(
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


def _user() -> Account:
    return Account("user", writable=True, signer=True, lamports=None)


def _wrapped() -> Account:
    return Account("user_wrapped", writable=True, lamports=0)


def _token(name: str) -> Account:
    return Account(name, writable=True, lamports=TOKEN_RENT_LAMPORTS)


def _plain(name: str) -> Account:
    return Account(name, writable=True, lamports=VAULT_RENT_LAMPORTS)


def _paid(name: str) -> Account:
    return Account(name, writable=True, lamports=None)


def _user_ata(form: Form, leg: int) -> Account:
    return Account(
        f"user_ata.{leg}",
        writable=True,
        lamports=None if form.opens_account else TOKEN_RENT_LAMPORTS,
    )


def _quote_mint(form: Form, leg: int) -> Account:
    if form.in_sol:
        return fixed(WSOL_KEY)
    return Account(f"quote_mint.{leg}", lamports=MINT_RENT_LAMPORTS)
