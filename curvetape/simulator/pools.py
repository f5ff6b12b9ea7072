"""Trades in the pools of graduated coins."""

from typing import NamedTuple

from curvetape.simulator.accounts import (
    AMM_KEY,
    BUYBACK_RECIPIENTS,
    FEE_RECIPIENTS,
    MAYHEM_FEE_RECIPIENT,
    NOBODY,
    TOKEN,
    associated,
    text,
)
from curvetape.simulator.calls import TOKEN_RENT_LAMPORTS, Form, Kind
from curvetape.simulator.events import BOUGHT, SOLD, Pending, pending
from curvetape.simulator.legs import Balance, Leg, hold_events, names, u64
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Book, Pool, Token
from domain.curve import TOKEN_SUPPLY, ImpossibleTradeError
from domain.fees import FeeRates, net_of_fees, pool_rates
from domain.pool import (
    PoolReserves,
    PoolTrade,
    after_buy,
    after_sell,
    buy_base,
    buy_for_quote,
    sell_base,
)

_NAMES = names(
    *("mint", "quote_mint", "pool", "pool_base", "pool_quote", "pool_creator_vault", "user_ata"),
    *("user_quote_ata", "protocol_to", "protocol_ata", "buyback_ata", "creator_fee_ata"),
    *("first", "second", "tokens", "paid", "protocol", "buyback", "creator_fee"),
)


class _Deal(NamedTuple):
    trade: PoolTrade
    rates: FeeRates
    before: PoolReserves
    after: PoolReserves
    wrapped: int
    """What the user brings: more than the trade takes unless the amount is exact."""


class _Recipients(NamedTuple):
    protocol: bytes
    protocol_ata: bytes
    buyback: bytes
    buyback_ata: bytes


def pool_of(token: Token) -> Pool:
    """A coin's pool, which it has to have."""
    assert token.pool is not None, "the coin has graduated"
    return token.pool


def pool_leg(world: World, token: Token, trader: int, kind: Kind, wanted: int, leg: int = 0) -> Leg:
    """A trade in a coin's pool; `ImpossibleTradeError` when the pool cannot make it."""
    deal = _priced(token, kind, wanted)
    book, user, trade = world.book(token), world.crowd.key(trader), deal.trade
    in_sol = token.quoted_in_sol
    program = TOKEN if in_sol else book.quote_program
    to = _recipients(world, token, book, program, leg)
    accounts = (user, associated(user, token.mint), associated(user, book.quote_mint, program))
    own = 0 if in_sol else world.quote(token.quote_mint, trader, trade.user_quote_amount)
    arguments = _arguments(kind, deal, wanted)
    values = _values(token, book, kind, deal, arguments, accounts, to, leg)
    if kind.keeps_fees:
        values["amm_volume"] = world.crowd.volume_account(AMM_KEY, trader)
    owned = token.held.get(trader)
    brought = deal.wrapped if in_sol else own
    event = _event(world, token, book, kind, deal, arguments, (owned or 0, brought), accounts, to)
    opens = kind.buys and owned is None
    form = Form(kind, in_sol, program, opens, hold_events(values, leg, [event]))
    gained = -trade.user_quote_amount if kind.buys else trade.user_quote_amount
    lamports, balances = _vaults(book, token, deal, leg, user, owned)
    if opens:
        lamports[f"user_ata.{leg}"] = (0, TOKEN_RENT_LAMPORTS)
    decimals, texts = token.quote_decimals, book.quote_texts
    shares = _shares(book, kind, deal, to)
    for name, owner, address, amount in shares:
        held = world.account(address)
        balances.append(Balance(f"{name}.{leg}", texts, owner, decimals, held, held + amount))
        if in_sol:
            rent = TOKEN_RENT_LAMPORTS + held
            lamports[f"{name}.{leg}"] = (rent, rent + amount)
    if not in_sol:
        balances.append(Balance(f"user_quote_ata.{leg}", texts, user, decimals, own, own + gained))

    def settle() -> None:
        _settle(world, token, trader, kind, deal, gained)
        for _, _, address, amount in shares:
            world.purses.accounts[address] = world.account(address) + amount

    user_lamports = (gained if in_sol else 0) - (TOKEN_RENT_LAMPORTS if opens else 0)
    wrapped = deal.wrapped if in_sol else 0
    return Leg(form, values, [event], lamports, balances, user_lamports, wrapped, settle)


def _values(
    token: Token,
    book: Book,
    kind: Kind,
    deal: _Deal,
    arguments: tuple[int, int],
    accounts: tuple[bytes, bytes, bytes],
    to: _Recipients,
    leg: int,
) -> dict[str, bytes]:
    trade, pool = deal.trade, book.pool
    return dict(
        zip(
            _NAMES[leg],
            (
                *(token.mint, book.quote_mint, pool.address, pool.base, pool.quote),
                *(pool.creator_vault, accounts[1], accounts[2], to.protocol, to.protocol_ata),
                *(to.buyback_ata, pool.creator_vault_quote, u64(arguments[0]), u64(arguments[1])),
                *(u64(trade.base_amount), u64(_paid(kind, deal))),
                *(u64(trade.protocol_fee - trade.buyback), u64(trade.buyback)),
                u64(trade.creator_fee),
            ),
            strict=True,
        )
    )


def _shares(
    book: Book, kind: Kind, deal: _Deal, to: _Recipients
) -> tuple[tuple[str, bytes, bytes, int], ...]:
    """Who is paid fees at once: hole, owner, token account and amount."""
    pool, trade = book.pool, deal.trade
    buyback = ("buyback_ata", to.buyback, to.buyback_ata, trade.buyback)
    if kind.keeps_fees:
        return (buyback,)
    return (
        ("protocol_ata", to.protocol, to.protocol_ata, trade.protocol_fee - trade.buyback),
        buyback,
        ("creator_fee_ata", pool.creator_vault, pool.creator_vault_quote, trade.creator_fee),
    )


def _priced(token: Token, kind: Kind, wanted: int) -> _Deal:
    pool = pool_of(token)
    reserves = pool.reserves
    quote_mint = text(token.quote_mint)
    basis = TOKEN_SUPPLY if token.mayhem else token.supply
    rates = pool_rates(quote_mint, reserves.market_cap(basis))
    if token.creator_fee_bps:
        rates = FeeRates(rates.lp_bps, rates.protocol_bps, token.creator_fee_bps)
    if not kind.buys:
        trade = sell_base(reserves, wanted, rates)
        after = after_sell(reserves, trade, fees_kept=kind.keeps_fees)
    else:
        if kind.exact_quote:
            trade = buy_for_quote(reserves, wanted, rates)
        else:
            net = net_of_fees(wanted, rates.total_bps)
            base = reserves.base * net // (reserves.priced_quote + net)
            trade = buy_base(reserves, base, rates)
        after = after_buy(reserves, trade, fees_kept=kind.keeps_fees)
    if trade.user_quote_amount < 1:
        raise ImpossibleTradeError(wanted, reserves.quote, "quote")
    paid = trade.user_quote_amount
    wrapped = 0 if not kind.buys else paid if kind.exact_quote else paid * 105 // 100
    return _Deal(trade, rates, reserves, after, wrapped)


def _recipients(world: World, token: Token, book: Book, program: bytes, leg: int) -> _Recipients:
    place = world.turn + leg
    protocol = MAYHEM_FEE_RECIPIENT if token.mayhem else FEE_RECIPIENTS[place % len(FEE_RECIPIENTS)]
    buyback = BUYBACK_RECIPIENTS[place % len(BUYBACK_RECIPIENTS)]
    return _Recipients(
        protocol,
        associated(protocol, book.quote_mint, program),
        buyback,
        associated(buyback, book.quote_mint, program),
    )


def _arguments(kind: Kind, deal: _Deal, wanted: int) -> tuple[int, int]:
    """What the instruction is called with; its event repeats them."""
    if not kind.buys:
        return wanted, deal.trade.user_quote_amount * 9 // 10
    if kind.exact_quote:
        return deal.trade.user_quote_amount, deal.trade.base_amount * 9 // 10
    return deal.trade.base_amount, deal.trade.user_quote_amount * 105 // 100


def _paid(kind: Kind, deal: _Deal) -> int:
    """What moves between the user and the vault in one go."""
    trade = deal.trade
    if kind.buys:
        kept = trade.kept_fees if kind.keeps_fees else 0
        return trade.quote_amount + trade.lp_fee + kept
    return trade.user_quote_amount


def _event(
    world: World,
    token: Token,
    book: Book,
    kind: Kind,
    deal: _Deal,
    arguments: tuple[int, int],
    own: tuple[int, int],
    accounts: tuple[bytes, bytes, bytes],
    to: _Recipients,
) -> Pending:
    trade, rates, before, pool = deal.trade, deal.rates, deal.before, pool_of(token)
    net, gross = trade.quote_amount, trade.user_quote_amount
    reserves = (*own, before.base, before.quote)
    fees = (rates.lp_bps, trade.lp_fee, rates.protocol_bps, trade.protocol_fee)
    user, user_ata, quote_ata = accounts
    recipient = (NOBODY, NOBODY) if kind.keeps_fees else (to.protocol, to.protocol_ata)
    parties = (book.pool.address, user, user_ata, quote_ata, *recipient)
    creator = (token.creator, rates.creator_bps, trade.creator_fee)
    unclaimed = pool.creator_unclaimed + (trade.creator_fee if kind.keeps_fees else 0)
    holders = (rates.creator_bps, trade.creator_fee) if token.holder_reward else (0, 0)
    boost = (before.virtual_quote, True, token.supply)
    ending = (0, 0, 5_000, trade.buyback, *boost, *holders, unclaimed, 0)
    if not kind.buys:
        amounts = (trade.base_amount, arguments[1], *reserves, net)
        received = (net - trade.lp_fee, gross)
        return pending(SOLD, world.now_s, *amounts, *fees, *received, *parties, *creator, *ending)
    limit = gross if kind.exact_quote else arguments[1]
    least = arguments[1] if kind.exact_quote else 0
    first, last = (gross, net) if kind.exact_quote else (net, gross)
    amounts = (trade.base_amount, limit, *reserves, first)
    paid = (net + trade.lp_fee, last)
    volume = (not kind.keeps_fees, 0, 0, 0, 0, least, kind.ix_name)
    return pending(
        BOUGHT, world.now_s, *amounts, *fees, *paid, *parties, *creator, *volume, *ending
    )


def _vaults(
    book: Book, token: Token, deal: _Deal, leg: int, user: bytes, owned: int | None
) -> tuple[dict[str, tuple[int, int]], list[Balance]]:
    before, after = deal.before, deal.after
    moved = before.base - after.base
    address, decimals = book.pool.address, token.quote_decimals
    balances = [
        Balance(f"user_ata.{leg}", book.mint_texts, user, 6, owned, (owned or 0) + moved),
        Balance(f"pool_base.{leg}", book.mint_texts, address, 6, before.base, after.base),
        Balance(
            f"pool_quote.{leg}", book.quote_texts, address, decimals, before.quote, after.quote
        ),
    ]
    lamports: dict[str, tuple[int, int]] = {}
    if token.quoted_in_sol:
        rent = TOKEN_RENT_LAMPORTS
        lamports[f"pool_quote.{leg}"] = (rent + before.quote, rent + after.quote)
    return lamports, balances


def _settle(world: World, token: Token, trader: int, kind: Kind, deal: _Deal, gained: int) -> None:
    pool = pool_of(token)
    pool.reserves = deal.after
    if kind.buys:
        token.give(trader, deal.trade.base_amount)
    else:
        token.take(trader, deal.trade.base_amount)
    if kind.keeps_fees:
        pool.protocol_unclaimed += deal.trade.protocol_fee - deal.trade.buyback
        pool.creator_unclaimed += deal.trade.creator_fee
    if not token.quoted_in_sol:
        world.purses.quotes[token.quote_mint][trader] += gained
