"""What sales of many positions cost, side by side: `wallet_position`'s fold as columns of numbers.

A position's sales come one after the other, since each is rounded. Those of different positions
do not: first each one's first sale is worked out, then each one's second, and so on.
"""

import msgspec
import numpy as np

from projections.candle_columns import Column

TOKENS_MAX = 1 << 58
"""All that a position bought and sold, together, may be so many token units."""
QUOTE_MAX = 1 << 52
"""All that it paid and was paid, together, may be so many quote units."""


class Sales(msgspec.Struct, frozen=True):
    """Sales, position after position, each position's in order: columns of integers."""

    bought: Column
    """Token units that were bought since the sale before."""
    spent: Column
    """Quote units that were paid for these."""
    sold: Column
    """Token units."""
    received: Column
    """Quote units."""

    def __len__(self) -> int:
        return len(self.sold)


class Costs(msgspec.Struct, frozen=True):
    """Of each sale what it was made of."""

    known: Column
    """Token units that a trade had bought."""
    received_for_known: Column
    """Quote units that were paid for these."""
    cost: Column
    """Quote units that these had cost."""


def costs(sales: Sales, counts: Column) -> Costs:
    """What sales of positions came to, of which each has so many; see `TOKENS_MAX`, `QUOTE_MAX`."""
    made = Costs(*(np.zeros(len(sales), np.int64) for _ in Costs.__struct_fields__))
    # Those with most sales first, so that each turn is about the first ones.
    order = np.argsort(-counts, kind="stable")
    firsts = (np.cumsum(counts) - counts)[order]
    with_more = len(counts) - np.cumsum(np.bincount(counts))
    held, cost = np.zeros(len(counts), np.int64), np.zeros(len(counts), np.int64)
    for turn, positions in enumerate(with_more[:-1].tolist()):
        at = firsts[:positions] + turn
        _sell(sales, made, at, held[:positions], cost[:positions])
    return made


def quotients(factor: Column, part: Column, whole: Column) -> Column:
    """`factor * part // whole`, where the part is no larger than the whole.

    The factor is within `QUOTE_MAX` and the whole within `TOKENS_MAX`, and above 0.
    """
    # Floats are off by less than three. What that leaves may be far beyond 64 bits on its way, but
    # is less than four times the whole, so what wraps around comes out right.
    found = factor.astype(np.float64) * part.astype(np.float64) / whole.astype(np.float64)
    rough = np.floor(found).astype(np.int64)
    factors, parts, wholes = (it.astype(np.uint64) for it in (factor, part, whole))
    left = (factors * parts - rough.astype(np.uint64) * wholes).view(np.int64)
    quotient: Column = rough + left // whole
    return quotient


def _sell(sales: Sales, made: Costs, at: Column, held: Column, cost: Column) -> None:
    """One sale of each of some positions; changes what they hold and what that cost."""
    held += sales.bought[at]
    cost += sales.spent[at]
    sold, received = sales.sold[at], sales.received[at]
    known = np.minimum(sold, held)
    received_for_known, cost_of_sold = received.copy(), cost.copy()
    if (mixed := np.flatnonzero(known != sold)).size:
        received_for_known[mixed] = quotients(received[mixed], known[mixed], sold[mixed])
    if (some := np.flatnonzero(known != held)).size:
        cost_of_sold[some] = quotients(cost[some], known[some], held[some])
    held -= known
    cost -= cost_of_sold
    made.known[at] = known
    made.received_for_known[at] = received_for_known
    made.cost[at] = cost_of_sold
