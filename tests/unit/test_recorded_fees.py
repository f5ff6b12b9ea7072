"""Where fees go: the balances that recorded trades left behind, and the simulated ones beside."""

from collections.abc import Iterable, Iterator

import pytest

from adapters.yellowstone import frames, recorded
from curvetape.simulator import accounts, calls
from curvetape.testing import mainnet
from curvetape.testing.simulated import Info, first_blocks, keys
from domain.events import CurveTraded, PoolTraded
from domain.pool import PoolTrade
from domain.programs import NATIVE_SOL
from ingest.transaction import translated
from projections.audit.steps import stepper

pytestmark = pytest.mark.skipif(
    mainnet.MAINNET is None, reason="real transactions lie beside the project on some machines"
)

KEEPING = {
    (accounts.PUMP_KEY if kind.market == "curve" else accounts.AMM_KEY, kind.discriminator)
    for kind in vars(calls).values()
    if isinstance(kind, calls.Kind) and kind.keeps_fees
}
"""The instructions that leave their fees where they trade."""
ROLES = {
    accounts.GLOBAL: "global",
    accounts.AMM_CONFIG: "config",
    accounts.PUMP_FEE_CONFIG: "fees",
    accounts.AMM_FEE_CONFIG: "fees",
    accounts.SYSTEM: "system",
    accounts.PUMP_EVENTS: "events",
    accounts.AMM_EVENTS: "events",
    accounts.PUMP_KEY: "program",
    accounts.AMM_KEY: "program",
    accounts.TOKEN: "token program",
    accounts.TOKEN_2022: "token program",
}


def landed() -> Iterator[Info]:
    """Recorded transactions that did not fail."""
    for path in mainnet.transactions():
        info = recorded.transaction(mainnet.read(path)).info
        if not info.meta.HasField("err"):
            yield info


def kept_trades() -> Iterator[tuple[Info, CurveTraded | PoolTraded]]:
    """Recorded trades whose fees were paid to nobody, so that they stayed where they were."""
    for info in landed():
        tx = frames.transaction(info, slot=1, block_time_s=2, received_at_ns=3)
        for event in translated(tx).events:
            if isinstance(event, CurveTraded) and event.fee_recipient == NATIVE_SOL:
                yield info, event
            if isinstance(event, PoolTraded) and event.protocol_fee_recipient == NATIVE_SOL:
                yield info, event


def held(info: Info, owner: str, mint: str) -> tuple[int, int]:
    """What an owner has of a mint before and after a transaction; 0 where it has no account."""
    before, after = (
        sum(int(it.ui_token_amount.amount) for it in side if (it.owner, it.mint) == (owner, mint))
        for side in (info.meta.pre_token_balances, info.meta.post_token_balances)
    )
    return before, after


def test_a_recorded_pool_keeps_all_fees_but_the_part_for_buybacks() -> None:
    seen = 0
    for info, event in kept_trades():
        if isinstance(event, CurveTraded):
            continue
        assert event.buyback_fee is not None
        before, after = held(info, event.pool, event.quote_mint)
        assert before == event.pool_quote_reserves
        creator = event.coin_creator_fee or 0
        trade = PoolTrade(1, 1, event.lp_fee, event.protocol_fee, creator, 1)
        assert trade.buyback == event.buyback_fee
        assert after - before == event.pool_quote_delta + trade.kept_fees
        make = stepper(type(event))
        assert make is not None
        assert make(event).after[1] == after
        seen += 1
    assert seen >= 6


def test_a_recorded_curve_keeps_all_fees_but_the_part_for_buybacks() -> None:
    in_sol = in_others = 0
    for info, event in kept_trades():
        if isinstance(event, PoolTraded):
            continue
        curve = accounts.bonding_curve(accounts.key(event.mint))
        if event.quote_mint == NATIVE_SOL:
            place = keys(info).index(curve)
            # A launch pays the curve's rent in the same transaction.
            before = info.meta.pre_balances[place] or calls.CURVE_RENT_LAMPORTS
            moved = info.meta.post_balances[place] - before
            in_sol += 1
        else:
            before, after = held(info, accounts.text(curve), event.quote_mint)
            moved = after - before
            in_others += 1
        assert event.side == "buy", "no sale of this kind is recorded"
        fees = (event.fee or 0) + (event.creator_fee or 0) - (event.buyback_fee or 0)
        assert moved == event.quote_amount + fees
    assert in_sol >= 2
    assert in_others >= 2


def called_programs(info: Info) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """Every call of a transaction: program, data and accounts."""
    known = keys(info)
    for call in info.transaction.message.instructions:
        yield known[call.program_id_index], call.data, [known[place] for place in call.accounts]
    for group in info.meta.inner_instructions:
        for nested in group.instructions:
            named = [known[place] for place in nested.accounts]
            yield known[nested.program_id_index], nested.data, named


def roles(info: Info) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """The calls that keep fees: which instruction, and what stands at each of its accounts."""
    for program, data, called in called_programs(info):
        if (program, data[:8]) not in KEEPING:
            continue
        on_curve = program == accounts.PUMP_KEY
        user, quote = (called[8], called[2]) if on_curve else (called[1], called[4])
        volume = accounts.derived(program, b"user_volume_accumulator", user)
        paid = {
            to if on_curve and quote == accounts.WSOL_KEY else accounts.associated(to, quote, of)
            for to in accounts.BUYBACK_RECIPIENTS
            for of in (accounts.TOKEN, accounts.TOKEN_2022)
        }
        own = {volume: "volume", user: "user"} | dict.fromkeys(paid, "buyback")
        yield data[:8], tuple((ROLES | own).get(it, "") for it in called)


def by_instruction(infos: Iterable[Info]) -> dict[bytes, set[tuple[str, ...]]]:
    found: dict[bytes, set[tuple[str, ...]]] = {}
    for info in infos:
        for discriminator, said in roles(info):
            found.setdefault(discriminator, set()).add(said)
    return found


def test_simulated_trades_that_keep_fees_are_called_as_recorded_ones() -> None:
    simulated = by_instruction(
        info for block, _ in first_blocks(120) for info in block.transactions
    )
    real = by_instruction(landed())
    assert len(real) >= 5
    for discriminator, shapes in real.items():
        assert simulated[discriminator] == shapes
        assert all("buyback" in shape and "volume" in shape for shape in shapes)
    assert all("buyback" in shape for shapes in simulated.values() for shape in shapes)
