"""A trader's balance is what the transaction's own records say, however they are encoded."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.yellowstone import frames
from adapters.yellowstone.held import held
from adapters.yellowstone.wire.solana_storage_pb2 import TokenBalance
from curvetape.testing.simulated import first_blocks, views
from curvetape.testing.transactions import Call, hold, message
from domain.events import CompletionTraded, CurveTraded, PoolTraded
from domain.programs import PUMP, PUMP_AMM, USDC, WRAPPED_SOL
from ingest.transaction import translated

OWNERS = (PUMP, PUMP_AMM, "", "1" * 32)
MINTS = (USDC, WRAPPED_SOL, PUMP)


def encoded(owner: str, mint: str, amount: str, *, index: int = 3, plain: float = 0.0) -> bytes:
    balance = TokenBalance(account_index=index, mint=mint, owner=owner, program_id=PUMP)
    balance.ui_token_amount.amount = amount
    balance.ui_token_amount.decimals = 6
    balance.ui_token_amount.ui_amount = plain
    balance.ui_token_amount.ui_amount_string = f"{plain}"
    return balance.SerializeToString()


BALANCES = st.lists(
    st.builds(
        encoded,
        st.sampled_from(OWNERS),
        st.sampled_from(MINTS),
        st.one_of(st.integers(0, 2**64 - 1).map(str), st.sampled_from(("", "-1", "1e6", "9" * 21))),
        index=st.integers(0, 300),
        plain=st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=4,
)


@given(BALANCES, st.sampled_from(OWNERS[:2]), st.sampled_from(MINTS))
def test_it_is_the_sum_over_the_owners_accounts_of_the_mint(
    balances: Sequence[bytes], owner: str, mint: str
) -> None:
    """Against every balance read as the message that it is."""
    read = [TokenBalance.FromString(each) for each in balances]
    texts = [it.ui_token_amount.amount for it in read if (it.owner, it.mint) == (owner, mint)]
    fits = all(text.isdigit() and len(text) <= 20 for text in texts)
    expected = sum(map(int, texts)) if texts and fits else None
    assert held(balances, owner, mint) == expected


def test_the_owners_accounts_of_other_mints_do_not_count() -> None:
    """As in most pool trades, where wrapped SOL is paid or got beside the token."""
    others = [encoded(PUMP_AMM, USDC, "5"), encoded(PUMP, WRAPPED_SOL, "7", plain=7e-9)]
    assert held([*others, encoded(PUMP, USDC, "12", plain=1.5)], PUMP, USDC) == 12
    assert held([*others, encoded(PUMP, PUMP, "1")], PUMP, USDC) is None


def test_fields_in_another_order_and_damage_are_no_wrong_balance() -> None:
    usual = encoded(PUMP, USDC, "12", plain=1.5)
    owner_first = b"\x22" + bytes([len(PUMP)]) + PUMP.encode() + usual
    assert held([owner_first], PUMP, USDC) == 12
    assert held([usual[:-3]], PUMP, USDC) in (12, None)
    assert held([PUMP.encode() + USDC.encode(), usual], PUMP, USDC) is None


@pytest.mark.parametrize(("before", "after", "said"), [(5, 7, 7), (5, 0, 0), (0, None, None)])
def test_an_account_that_was_closed_holds_nothing(
    before: int, after: int | None, said: int | None
) -> None:
    info = message([Call(PUMP)])
    if before:
        hold(info, owner=PUMP, mint=USDC, amount=before, decimals=6)
    if after:
        after_it = info.meta.post_token_balances.add(owner=PUMP, mint=USDC)
        after_it.ui_token_amount.amount = str(after)
    details = frames.transaction(info, slot=1, block_time_s=2, received_at_ns=3).details
    assert details.balance_after(PUMP, USDC) == said
    assert details.balance_after(PUMP_AMM, USDC) is None


def test_every_trade_of_a_market_tells_what_its_trader_holds() -> None:
    trades = 0
    for block, _ in first_blocks(60):
        for view in views(block):
            for event in translated(view).events:
                if isinstance(event, CurveTraded | CompletionTraded | PoolTraded):
                    after = [
                        int(it.ui_token_amount.amount)
                        for it in view.details.post_token_balances
                        if (it.owner, it.mint) == (event.user, event.mint)
                    ]
                    assert event.user_token_balance == sum(after)
                    trades += 1
    assert trades > 1_000
