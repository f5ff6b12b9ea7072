"""Holdings come out the same however events are batched and whenever they arrive."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, recorded
from curvetape.testing.holders import holder_histories
from domain.events import (
    AnyEvent,
    CompletionTraded,
    CurveTraded,
    MintEvent,
    PoolCreated,
    PoolDeposited,
    PoolTraded,
    PoolWithdrawn,
)
from projections import holders
from projections.holders import Changes, Holders, Key

ORDERS = st.randoms(use_true_random=False)


@given(holder_histories(), ORDERS)
def test_any_batching_and_any_order_of_arrival_merge_to_the_same_holdings(
    events: list[AnyEvent], order: Random
) -> None:
    expected = Holders().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        total = Changes()
        for batch in batches(recorded(shuffled), size):
            total = holders.merge(total, Holders().apply(batch))
        assert total == expected


@given(holder_histories(), ORDERS)
def test_merging_leaves_what_it_merges_alone(events: list[AnyEvent], order: Random) -> None:
    half = order.randrange(len(events) + 1)
    parts = [Holders().apply(recorded(part)) for part in (events[:half], events[half:])]
    holders.merge(holders.merge(parts[0], parts[1]), parts[1])
    assert parts == [Holders().apply(recorded(part)) for part in (events[:half], events[half:])]


@given(holder_histories())
def test_a_holding_is_what_its_wallets_own_moves_make_it(events: list[AnyEvent]) -> None:
    """Against the plainest way there is: one move after the other, added up."""
    nets: Counter[Key] = Counter()
    reports: dict[Key, int | None] = {}
    moves: dict[Key, list[int]] = {}
    buys: dict[Key, list[int]] = {}
    for event in events:
        move = moved(event)
        if move is None:
            continue
        assert isinstance(event, MintEvent)
        wallet, amount = move
        key = (event.mint, wallet)
        nets[key] += amount
        moves.setdefault(key, []).append(event.pos.order_key)
        reports[key] = getattr(event, "user_token_balance", None)
        if bought(event):
            buys.setdefault(key, []).append(event.pos.order_key)
    kept = Holders().apply(recorded(events)).holdings
    assert kept.keys() == moves.keys()
    for key, holding in kept.items():
        assert holding.balance - holding.received + holding.sent == holding.net == nets[key]
        reported = reports[key]
        assert holding.balance == (max(nets[key], 0) if reported is None else reported)
        assert (holding.first_pos, holding.last_pos) == (moves[key][0], moves[key][-1])
        assert holding.first_buy_pos == next(iter(buys.get(key, [])), None)


def moved(event: AnyEvent) -> tuple[str, int] | None:
    """Who got how much of the token; negative for who gave it."""
    match event:
        case CurveTraded() | CompletionTraded():
            return event.user, event.token_amount if event.side == "buy" else -event.token_amount
        case PoolTraded():
            own = event.base_mint == event.mint
            amount = event.base_amount if own else event.user_quote_amount
            return event.user, amount if bought(event) else -amount
        case PoolDeposited():
            own = event.base_mint == event.mint
            return event.user, -(event.base_amount if own else event.quote_amount)
        case PoolWithdrawn():
            return event.user, event.base_amount
        case PoolCreated(canonical=False):
            return event.creator, -event.base_amount
        case _:
            return None


def bought(event: AnyEvent) -> bool:
    if isinstance(event, PoolTraded):
        return (event.side == "buy") == (event.base_mint == event.mint)
    return isinstance(event, CurveTraded | CompletionTraded) and event.side == "buy"
