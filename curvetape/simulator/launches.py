"""Launches: a new coin, its curve, and mostly its creator's first buy in the same transaction."""

from random import Random

from curvetape.simulator import accounts
from curvetape.simulator.accounts import (
    ASSOCIATED,
    GLOBAL,
    MAYHEM_AUTHORITY,
    MAYHEM_PROGRAM,
    MINT_AUTHORITY,
    NOBODY,
    PUMP_EVENTS,
    PUMP_KEY,
    SYSTEM,
    TOKEN,
    TOKEN_2022,
    USDC_KEY,
    WSOL_KEY,
    associated,
)
from curvetape.simulator.calls import (
    CURVE_BUY,
    CURVE_BUY_EXACT_V3,
    CURVE_BUY_V3,
    CURVE_RENT_LAMPORTS,
    MINT_RENT_LAMPORTS,
    TOKEN_RENT_LAMPORTS,
    open_account,
    trade,
)
from curvetape.simulator.curves import curve_leg
from curvetape.simulator.drafts import Account, Draft, fixed
from curvetape.simulator.events import CREATED, EXTENDED, Pending, pending
from curvetape.simulator.legs import Balance, Leg
from curvetape.simulator.shapes import Shape
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Shareholder, Token, pump_mint
from curvetape.simulator.traders import size_lamports, someone
from curvetape.simulator.transactions import Writer, any_version
from curvetape.simulator.wire import Hole, Part
from curvetape.simulator.words import name_and_symbol, picture
from domain.curve import INITIAL_VIRTUAL_LAMPORTS, TOKEN_SUPPLY, new_curve

USDC_VIRTUAL_QUOTE = 4_200_000_000
"""What 30 SOL are in the smallest unit of USDC, at the rate at which coins are launched."""
HEAT_MAX = 180.0
"""The most wanted coin's heat: without a bound one coin is now and then half of the market."""
CURVE_SIZE_BYTES = 151
CURVE_SIZE_BYTES_NEW = 254


def new_token(world: World, *, hot: bool | None = None) -> Token:
    """A coin that was not there before, with its fate: most die soon, a few are wanted by all."""
    random, state = world.random, world.state
    state.launched += 1
    creator_trader = someone(random)
    mint = pump_mint(random)
    quote, decimals, virtual = _quote(world, random)
    mayhem = quote == NOBODY and random.random() < 0.08
    rewards = not mayhem and random.random() < 0.08
    creator = accounts.holder_rewards(mint) if rewards else world.crowd.key(creator_trader)
    shareholders: tuple[Shareholder, ...] = ()
    if not rewards and random.random() < 0.03:
        other = world.crowd.key(someone(random))
        shareholders = (Shareholder(creator, 7_000), Shareholder(other, 3_000))
    heat, life, buys, size = _fate(random, hot=hot)
    return Token(
        number=state.launched,
        mint=mint,
        creator=creator,
        creator_trader=creator_trader,
        quote_mint=quote,
        quote_decimals=decimals,
        virtual_quote_initial=virtual,
        mayhem=mayhem,
        holder_reward=rewards,
        creator_fee_bps=random.choice((50, 100)) if random.random() < 0.04 else 0,
        shareholders=shareholders,
        born_slot=world.slot,
        heat=heat,
        life_slots=life,
        buy_share=buys,
        size_factor=size,
        supply=TOKEN_SUPPLY,
        curve=new_curve(virtual),
    )


def _quote(world: World, random: Random) -> tuple[bytes, int, int]:
    """The quote mint, its decimals and the virtual reserves to begin with."""
    draw = random.random()
    if draw < 0.06:
        return USDC_KEY, 6, USDC_VIRTUAL_QUOTE
    if draw < 0.10:
        graduated = [
            token for token in world.state.tokens if token.pool is not None and token.quoted_in_sol
        ]
        if graduated:
            chosen = random.choice(graduated)
            assert chosen.pool is not None, "only graduated coins were asked for"
            reserves = chosen.pool.reserves
            amount = INITIAL_VIRTUAL_LAMPORTS * reserves.base // reserves.priced_quote
            return chosen.mint, 6, amount
    return NOBODY, 9, INITIAL_VIRTUAL_LAMPORTS


def _fate(random: Random, *, hot: bool | None) -> tuple[float, float, float, float]:
    """Heat, slots in which it falls to a third, share of buys, and factor of trade sizes."""
    draw = random.random() if hot is None else (0.0 if hot else 0.9)
    if draw < 0.06:
        heat, life, buys, size = 60 * random.paretovariate(1.2), (150, 2_500), 0.64, 1.6
    elif draw < 0.25:
        heat, life, buys, size = 6 * random.paretovariate(1.3), (60, 500), 0.56, 1.0
    else:
        heat, life, buys, size = random.paretovariate(1.5), (15, 150), 0.48, 0.7
    return min(heat, HEAT_MAX), random.uniform(*life), buys, size


def launch(world: World, writer: Writer, *, hot: bool | None = None) -> Token:
    """Write a launch; the coin is the market's from then on."""
    random = world.random
    token = new_token(world, hot=hot)
    book = world.book(token)
    name, symbol = name_and_symbol(random)
    uri = picture(random)
    user = world.crowd.key(token.creator_trader)
    first = _first_buy(world, token, random)
    in_sol = token.quoted_in_sol
    events = [
        pending(
            CREATED,
            *(name, symbol, uri, token.mint, book.curve, user, token.creator, world.now_s),
            *(token.curve.virtual_token, token.virtual_quote_initial, token.curve.real_token),
            *(TOKEN_SUPPLY, TOKEN_2022, token.mayhem, False, token.quote_mint),
            *(token.virtual_quote_initial, token.creator_fee_bps, token.holder_reward),
            0 if token.quote_mint in (NOBODY, USDC_KEY) else 1,
        )
    ]
    if random.random() < 0.2:
        events.append(
            pending(EXTENDED, book.curve, user, CURVE_SIZE_BYTES, CURVE_SIZE_BYTES_NEW, world.now_s)
        )
    values = dict(first.values) if first else {"mint.0": token.mint, "curve.0": book.curve}
    values |= {"curve_ata.0": book.curve_ata, "quote_mint.0": book.quote_mint}
    values["arguments"] = _arguments(name, symbol, uri, token, user)
    values["user_wrapped"] = associated(user, WSOL_KEY, TOKEN)
    values["mayhem_ata"] = associated(MAYHEM_AUTHORITY, token.mint)
    for number, event in enumerate(events):
        values[f"launch.{number}"] = event.data
        values[f"log.launch.{number}"] = event.logged
    shape = _shape(world, events, first, values, mayhem=token.mayhem)
    rents = MINT_RENT_LAMPORTS + CURVE_RENT_LAMPORTS + TOKEN_RENT_LAMPORTS
    lamports = dict(first.lamports) if first else {}
    curve_after = lamports.get("curve.0", (0, CURVE_RENT_LAMPORTS))[1] if in_sol else None
    lamports |= {
        "mint.0": (0, MINT_RENT_LAMPORTS),
        "curve.0": (0, curve_after or CURVE_RENT_LAMPORTS),
        "curve_ata.0": (0, TOKEN_RENT_LAMPORTS),
    }
    balances = [_from_nothing(balance) for balance in first.balances] if first else []
    if first is None:
        balances.append(Balance("curve_ata.0", book.mint_texts, book.curve, 6, None, TOKEN_SUPPLY))
    if token.mayhem:
        lamports["mayhem_ata"] = (0, TOKEN_RENT_LAMPORTS)
        rents += TOKEN_RENT_LAMPORTS
        balances.append(
            Balance("mayhem_ata", book.mint_texts, MAYHEM_AUTHORITY, 6, None, TOKEN_SUPPLY)
        )
        token.supply = 2 * TOKEN_SUPPLY
    gained = -rents + (first.user_lamports if first else 0)
    emitted = [*events, *(first.events if first else [])]
    writer.write(shape, token.creator_trader, values, lamports, balances, gained, emitted)
    world.state.tokens.append(token)
    if first is not None:
        first.settle()
    return token


def _first_buy(world: World, token: Token, random: Random) -> Leg | None:
    if random.random() < 0.12:
        return None
    kind = random.choice((CURVE_BUY, CURVE_BUY_V3, CURVE_BUY_EXACT_V3))
    if not token.quoted_in_sol:
        kind = CURVE_BUY_EXACT_V3
    size = min(size_lamports(random, token.creator_trader) * 2, 20_000_000_000)
    return curve_leg(world, token, token.creator_trader, kind, token.scaled(size))


def _from_nothing(balance: Balance) -> Balance:
    """A balance of an account that the launch itself makes."""
    if balance.account in ("curve_ata.0", "user_ata.0", "curve_quote_ata.0"):
        return balance._replace(before=None)
    return balance


def _arguments(name: str, symbol: str, uri: str, token: Token, creator: bytes) -> bytes:
    texts = (name.encode(), symbol.encode(), uri.encode())
    data = bytes.fromhex("d6904cec5f8b31b4")
    for text in texts:
        data += len(text).to_bytes(4, "little") + text
    data += creator + bytes((token.mayhem, 0)) + token.creator_fee_bps.to_bytes(8, "little")
    return data + bytes((token.holder_reward,))


def _shape(
    world: World,
    events: list[Pending],
    first: Leg | None,
    values: dict[str, bytes],
    *,
    mayhem: bool,
) -> Shape:
    draft = Draft(any_version(world.random), units_max=500_000)
    draft.budget()
    mint = Account("mint.0", writable=True, signer=True, lamports=None)
    curve = Account("curve.0", writable=True, lamports=None)
    curve_ata = Account("curve_ata.0", writable=True, lamports=None)
    user = Account("user", writable=True, signer=True, lamports=None)
    called = [
        *(mint, fixed(MINT_AUTHORITY), curve, curve_ata, fixed(GLOBAL), user, fixed(SYSTEM)),
        *(fixed(TOKEN_2022), fixed(ASSOCIATED), fixed(MAYHEM_PROGRAM), fixed(MAYHEM_AUTHORITY)),
        *(fixed(PUMP_EVENTS), fixed(PUMP_KEY)),
    ]
    arguments = Hole("arguments", len(values["arguments"]))
    with draft.call(PUMP_KEY, called, arguments, log="Instruction: CreateV2", units=45_000):
        _create(draft, user, mint, curve, curve_ata, mayhem=mayhem)
        draft.event(PUMP_KEY, PUMP_EVENTS, Hole("launch.0", len(events[0].data)))
    if len(events) > 1:
        extending = (curve, user, fixed(SYSTEM), fixed(PUMP_EVENTS), fixed(PUMP_KEY))
        extend = bytes.fromhex("ea66c2cb96483ee5")
        with draft.call(PUMP_KEY, extending, extend, log="Instruction: ExtendAccount", units=3_780):
            draft.event(PUMP_KEY, PUMP_EVENTS, Hole("launch.1", len(events[1].data)))
    if first is not None:
        own = Account("user_ata.0", writable=True, lamports=None)
        open_account(draft, own, user, mint, TOKEN_2022)
        trade(draft, first.form, 0)
    return draft.finish()


def _create(
    draft: Draft, user: Account, mint: Account, curve: Account, curve_ata: Account, *, mayhem: bool
) -> None:
    """What the launch has made: the mint, its text, the curve and its token account."""
    authority = fixed(MINT_AUTHORITY)
    mint_rent: Part = bytes(4) + MINT_RENT_LAMPORTS.to_bytes(8, "little") + bytes(8) + TOKEN_2022
    with draft.call(SYSTEM, (user, mint), mint_rent):
        pass
    with draft.call(
        TOKEN_2022,
        (mint,),
        b"\x14\x06",
        MINT_AUTHORITY,
        b"\0",
        log="Instruction: InitializeMint2",
        units=2_094,
    ):
        pass
    curve_rent: Part = bytes(4) + CURVE_RENT_LAMPORTS.to_bytes(8, "little") + bytes(8) + PUMP_KEY
    with draft.call(SYSTEM, (user, curve), curve_rent):
        pass
    open_account(draft, curve_ata, curve, mint, TOKEN_2022)
    whole = b"\x07" + TOKEN_SUPPLY.to_bytes(8, "little")
    holding = [curve_ata]
    if mayhem:
        theirs = Account("mayhem_ata", writable=True, lamports=None)
        open_account(draft, theirs, fixed(MAYHEM_AUTHORITY), mint, TOKEN_2022)
        holding.append(theirs)
    for account in holding:
        with draft.call(
            TOKEN_2022,
            (mint, account, authority),
            whole,
            log="Instruction: MintTo",
            units=2_126,
        ):
            pass
