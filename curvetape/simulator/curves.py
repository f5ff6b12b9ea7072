"""Trades on bonding curves."""

from typing import NamedTuple

from curvetape.simulator.accounts import (
    BUYBACK_RECIPIENTS,
    FEE_RECIPIENTS,
    MAYHEM_FEE_RECIPIENT,
    NOBODY,
    PUMP_KEY,
    TOKEN,
    associated,
)
from curvetape.simulator.calls import (
    CURVE_RENT_LAMPORTS,
    TOKEN_RENT_LAMPORTS,
    VAULT_RENT_LAMPORTS,
    Form,
    Kind,
)
from curvetape.simulator.events import BOUGHT_BEYOND, COMPLETED, TRADED, Pending, pending
from curvetape.simulator.legs import Balance, Leg, hold_events, names, u64
from curvetape.simulator.state import World
from curvetape.simulator.tokens import Book, Token
from domain.curve import (
    MIGRATION_FEE_LAMPORTS,
    POOL_TOKENS,
    CurveTrade,
    ImpossibleTradeError,
    buy_for_quote,
    buy_tokens,
    sell_tokens,
)
from domain.fees import CURVE_RATES, FeeRates, buyback_fee, fee, net_of_fees
from domain.pool import PoolReserves, PoolTrade
from domain.pool import buy_for_quote as buy_beyond

MIGRATION_SLOTS_MAX = 8
_BEYOND_LAMPORTS_MIN = 10_000_000
"""What a buyer who filled a curve must have left to go on at the pool's price."""

_NAMES = names(
    *("mint", "quote_mint", "curve", "curve_ata", "curve_quote_ata", "user_ata", "user_quote_ata"),
    *("creator_vault", "protocol_to", "buyback_to", "buyback_ata", "first", "second"),
    *("tokens", "paid", "protocol", "buyback", "creator_fee"),
)


class Priced(NamedTuple):
    """A curve trade with its fees, and the buy beyond completion that may follow it."""

    trade: CurveTrade
    rates: FeeRates
    protocol_fee: int
    creator_fee: int
    buyback: int
    buyback_beyond: int
    beyond: PoolTrade | None
    pool_before: PoolReserves | None

    @property
    def token_amount(self) -> int:
        """All the tokens that change hands."""
        return self.trade.token_amount + (self.beyond.base_amount if self.beyond else 0)

    @property
    def quote_amount(self) -> int:
        """All the quote that changes hands, without fees."""
        return self.trade.quote_amount + (self.beyond.quote_amount if self.beyond else 0)

    @property
    def all_protocol(self) -> int:
        """The protocol's fees."""
        return self.protocol_fee + (self.beyond.protocol_fee if self.beyond else 0)

    @property
    def all_creator(self) -> int:
        """The creator's fees."""
        return self.creator_fee + (self.beyond.creator_fee if self.beyond else 0)

    @property
    def all_buyback(self) -> int:
        """The part of the protocol's fees for buybacks; every trade pays it out at once."""
        return self.buyback + self.buyback_beyond

    @property
    def kept_fees(self) -> int:
        """What a trade that keeps its fees leaves with the curve."""
        return self.all_protocol + self.all_creator - self.all_buyback


def rates_of(token: Token) -> FeeRates:
    """What trades of a coin pay on its curve."""
    if token.creator_fee_bps:
        return FeeRates(0, CURVE_RATES.protocol_bps, token.creator_fee_bps)
    return CURVE_RATES


def priced(token: Token, kind: Kind, wanted: int) -> Priced:
    """What a trade costs: `wanted` is what to spend, fees and all, or the tokens to sell.

    `ImpossibleTradeError` when the curve cannot make it.
    """
    rates, curve = rates_of(token), token.curve
    if not kind.buys:
        trade = sell_tokens(curve, wanted)
    else:
        net = net_of_fees(wanted, rates.total_bps, rates.protocol_bps, rates.creator_bps)
        if kind.exact_quote:
            trade = buy_for_quote(curve, net)
        else:
            aimed = net * curve.virtual_token // (curve.virtual_quote + net)
            trade = buy_tokens(curve, min(aimed, curve.real_token))
    protocol = fee(trade.quote_amount, rates.protocol_bps)
    creator = fee(trade.quote_amount, rates.creator_bps)
    beyond = pool = None
    left = wanted - trade.quote_amount - protocol - creator
    goes_on = trade.after.complete and kind.exact_quote and kind.keeps_fees
    if goes_on and left >= token.scaled(_BEYOND_LAMPORTS_MIN):
        quote = trade.after.real_quote - token.scaled(MIGRATION_FEE_LAMPORTS)
        pool = PoolReserves(POOL_TOKENS, quote)
        beyond = buy_beyond(pool, left, rates)
    buyback = 0 if token.mayhem else buyback_fee(protocol)
    buyback_beyond = 0 if token.mayhem or beyond is None else beyond.buyback
    return Priced(trade, rates, protocol, creator, buyback, buyback_beyond, beyond, pool)


def curve_leg(
    world: World, token: Token, trader: int, kind: Kind, wanted: int, leg: int = 0
) -> Leg:
    """A trade on a coin's curve; `ImpossibleTradeError` when the curve cannot make it."""
    deal = priced(token, kind, wanted)
    if deal.quote_amount <= deal.all_protocol + deal.all_creator:
        raise ImpossibleTradeError(wanted, token.curve.real_quote, "quote")
    book, user = world.book(token), world.crowd.key(trader)
    place = (world.turn + leg) % len(FEE_RECIPIENTS)
    protocol_to = MAYHEM_FEE_RECIPIENT if token.mayhem else FEE_RECIPIENTS[place]
    buyback_to = BUYBACK_RECIPIENTS[place]
    buyback_ata = associated(buyback_to, book.quote_mint, book.quote_program)
    user_ata = associated(user, token.mint)
    program = TOKEN if token.quoted_in_sol else book.quote_program
    quote_ata = associated(user, book.quote_mint, program)
    fees = deal.all_protocol + deal.all_creator
    paid = _paid(kind, deal, fees, in_sol=token.quoted_in_sol)
    first, second = _arguments(kind, deal, wanted)
    values = dict(
        zip(
            _NAMES[leg],
            (
                *(token.mint, book.quote_mint, book.curve, book.curve_ata, book.curve_quote_ata),
                *(user_ata, quote_ata, book.creator_vault, protocol_to, buyback_to, buyback_ata),
                *(u64(first), u64(second), u64(deal.token_amount), u64(paid)),
                *(u64(deal.all_protocol - deal.all_buyback), u64(deal.all_buyback)),
                u64(deal.all_creator),
            ),
            strict=True,
        )
    )
    values["volume"] = world.crowd.volume_account(PUMP_KEY, trader)
    events = _events(world, token, book, user, kind, deal, protocol_to)
    sizes = hold_events(values, leg, events)
    opens = kind.buys and trader not in token.held
    form = Form(kind, token.quoted_in_sol, program, opens, sizes)
    gained = deal.quote_amount - fees if not kind.buys else -(deal.quote_amount + fees)
    lamports = _lamports(world, token, form, deal, leg, values)
    balances = _balances(world, token, book, trader, user, deal, kind, leg, gained)
    if not token.quoted_in_sol:
        before = world.account(buyback_ata)
        after = before + deal.all_buyback
        texts, decimals = book.quote_texts, token.quote_decimals
        balances.append(Balance(f"buyback_ata.{leg}", texts, buyback_to, decimals, before, after))

    def settle() -> None:
        _settle(world, token, trader, kind, deal, gained)
        for name, amount in _shares(kind, deal, in_sol=token.quoted_in_sol):
            address = values[f"{name}.{leg}"]
            world.purses.accounts[address] = world.account(address) + amount

    user_lamports = gained if token.quoted_in_sol else 0
    if opens:
        user_lamports -= TOKEN_RENT_LAMPORTS
    return Leg(form, values, events, lamports, balances, user_lamports, 0, settle)


def _paid(kind: Kind, deal: Priced, fees: int, *, in_sol: bool) -> int:
    """What moves between the user and the curve in one go.

    A SOL curve is sent the part for buybacks too and passes it on; tokens are sent apart.
    """
    if not kind.buys:
        return deal.quote_amount - fees
    if not kind.keeps_fees:
        return deal.quote_amount
    return deal.quote_amount + (fees if in_sol else deal.kept_fees)


def _shares(kind: Kind, deal: Priced, *, in_sol: bool) -> tuple[tuple[str, int], ...]:
    """Who is paid fees at once: hole and amount."""
    if not in_sol:
        assert kind.keeps_fees, "only the newest instructions take another quote than SOL"
        return (("buyback_ata", deal.all_buyback),)
    if kind.keeps_fees:
        return (("buyback_to", deal.all_buyback),)
    return (
        ("protocol_to", deal.all_protocol - deal.all_buyback),
        ("buyback_to", deal.all_buyback),
        ("creator_vault", deal.all_creator),
    )


def _arguments(kind: Kind, deal: Priced, wanted: int) -> tuple[int, int]:
    if not kind.buys:
        return wanted, deal.quote_amount * 9 // 10
    if kind.exact_quote:
        return wanted, deal.token_amount * 9 // 10
    return deal.trade.token_amount, wanted * 11 // 10


def _events(
    world: World,
    token: Token,
    book: Book,
    user: bytes,
    kind: Kind,
    deal: Priced,
    protocol_to: bytes,
) -> list[Pending]:
    trade, rates, in_sol = deal.trade, deal.rates, token.quoted_in_sol
    after = trade.after
    unclaimed = token.curve_creator_unclaimed + (deal.creator_fee if kind.keeps_fees else 0)
    holders = (rates.creator_bps, deal.creator_fee) if token.holder_reward else (0, 0)
    sol = (trade.quote_amount, after.virtual_quote, after.real_quote) if in_sol else (0, 0, 0)
    events = [
        pending(
            TRADED,
            *(token.mint, sol[0], trade.token_amount, kind.buys, user, world.now_s),
            *(sol[1], after.virtual_token, sol[2], after.real_token),
            NOBODY if kind.keeps_fees else protocol_to,
            *(rates.protocol_bps, deal.protocol_fee),
            *(token.creator, rates.creator_bps, deal.creator_fee),
            *(not kind.keeps_fees and kind.buys, 0, 0, 0, 0, kind.ix_name, token.mayhem),
            *(0, 0, 0 if token.mayhem else 5_000, deal.buyback),
            tuple((holder.address, holder.share_bps) for holder in token.shareholders),
            *(token.quote_mint, trade.quote_amount, after.virtual_quote, after.real_quote),
            *(*holders, unclaimed, 0),
        )
    ]
    if after.complete:
        events.append(
            pending(COMPLETED, user, token.mint, book.curve, world.now_s, token.quote_mint)
        )
    beyond, before = deal.beyond, deal.pool_before
    if beyond is not None and before is not None:
        events.append(
            pending(
                BOUGHT_BEYOND,
                *(user, token.mint, book.curve, token.quote_mint, world.now_s),
                *(beyond.base_amount, beyond.quote_amount),
                *(rates.protocol_bps, beyond.protocol_fee),
                *(rates.creator_bps, beyond.creator_fee),
                deal.buyback_beyond,
                *(before.base, before.quote, before.base - beyond.base_amount),
                before.quote + beyond.quote_amount,
            )
        )
    return events


def _lamports(
    world: World, token: Token, form: Form, deal: Priced, leg: int, values: dict[str, bytes]
) -> dict[str, tuple[int, int]]:
    changed: dict[str, tuple[int, int]] = {}
    if form.opens_account:
        changed[f"user_ata.{leg}"] = (0, TOKEN_RENT_LAMPORTS)
    if not form.in_sol:
        return changed
    held = curve_lamports(token)
    moved = deal.quote_amount if form.kind.buys else -deal.quote_amount
    if form.kind.keeps_fees:
        moved += deal.kept_fees
    changed[f"curve.{leg}"] = (held, held + moved)
    for name, amount in _shares(form.kind, deal, in_sol=True):
        before = VAULT_RENT_LAMPORTS + world.account(values[f"{name}.{leg}"])
        changed[f"{name}.{leg}"] = (before, before + amount)
    return changed


def curve_lamports(token: Token) -> int:
    """What a SOL coin's curve account holds: rent, the reserves, and fees not yet swept."""
    kept = token.curve_protocol_unclaimed + token.curve_creator_unclaimed
    if token.curve.complete and not token.migrate_slot:
        return CURVE_RENT_LAMPORTS + kept
    return CURVE_RENT_LAMPORTS + token.curve.real_quote + token.pool_quote_in + kept


def _balances(
    world: World,
    token: Token,
    book: Book,
    trader: int,
    user: bytes,
    deal: Priced,
    kind: Kind,
    leg: int,
    gained: int,
) -> list[Balance]:
    sign = 1 if kind.buys else -1
    held = token.held.get(trader)
    kept = token.curve.real_token + POOL_TOKENS - token.pool_base_out
    moved = sign * deal.token_amount
    balances = [
        Balance(f"user_ata.{leg}", book.mint_texts, user, 6, held, (held or 0) + moved),
        Balance(f"curve_ata.{leg}", book.mint_texts, book.curve, 6, kept, kept - moved),
    ]
    if not token.quoted_in_sol:
        own = world.quote(token.quote_mint, trader, max(-gained, 1))
        theirs = (
            token.curve.real_quote
            + token.pool_quote_in
            + token.curve_protocol_unclaimed
            + token.curve_creator_unclaimed
        )
        left = theirs - gained - deal.all_buyback
        decimals, texts = token.quote_decimals, book.quote_texts
        balances += [
            Balance(f"user_quote_ata.{leg}", texts, user, decimals, own, own + gained),
            Balance(f"curve_quote_ata.{leg}", texts, book.curve, decimals, theirs, left),
        ]
    return balances


def _settle(world: World, token: Token, trader: int, kind: Kind, deal: Priced, gained: int) -> None:
    token.curve = deal.trade.after
    if kind.buys:
        token.give(trader, deal.token_amount)
    else:
        token.take(trader, deal.token_amount)
    if kind.keeps_fees:
        token.curve_protocol_unclaimed += deal.all_protocol - deal.all_buyback
        token.curve_creator_unclaimed += deal.all_creator
    if deal.beyond is not None:
        token.pool_base_out = deal.beyond.base_amount
        token.pool_quote_in = deal.beyond.quote_amount
    if not token.quoted_in_sol:
        world.purses.quotes[token.quote_mint][trader] += gained
    if token.curve.complete:
        token.migrate_slot = world.slot + 1 + int(world.random.random() * MIGRATION_SLOTS_MAX)
