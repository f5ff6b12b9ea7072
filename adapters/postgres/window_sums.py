"""What trades come to within each of several windows, from one look at each trade.

Parts of statements. Windows all end at the same time, so a trade within one is within each longer
one: it is counted once, by how many of them it lies beyond, and the counts are added up.
"""

from typing import NamedTuple

from adapters.postgres.asking import INT64_MAX
from adapters.postgres.candle_pages import starting_in
from projections.buckets import HOUR_S
from projections.window_reads import REACH_S

# ruff: noqa: S608  # the program's own text only


def beyond(age_s: str, lengths: str) -> str:
    """How many windows a trade of this age is too old for; their lengths come in rising order."""
    return f"width_bucket({age_s}, {lengths}) as beyond"


_LOOKED_BACK_S = 2 * 86_400


def older(mint: str, as_of_s: str) -> str:
    """Conditions of the trade from which on a token's windows are counted: back, the first of them.

    Who looks for it among all that is older than any window reads all those in the windows first.
    An hour's candle says where one is; where there is no such candle nothing is lost but time, for
    the trade that is found is one of the trades. Nobody looks where the token is younger.
    """
    first_s = f"{as_of_s} - {REACH_S + HOUR_S + _LOOKED_BACK_S}"
    hours = starting_in(str(HOUR_S), first_s, f"{as_of_s} - {REACH_S + HOUR_S}", mint=mint)
    first = f"select block_time_s from trades where mint = {mint} order by pos limit 1"
    return f"""
        price is not null and block_time_s <= {as_of_s} - {REACH_S}
        and pos <= coalesce((select max(close_pos) from {hours} as hours), {INT64_MAX}::bigint)
        and ({first}) <= {as_of_s} - {REACH_S}
    """


PRICED = "case when price is not null then pos end as priced"
"""The position of a trade that made a price."""

_WALLETS = """
    wallets as materialized (
        select nearest, bought, sold, count(*) as wallets from (
            select min(beyond) as nearest,
                min(beyond) filter (where side = 'buy') as bought,
                min(beyond) filter (where side = 'sell') as sold
            from recent group by trader
        ) as each_wallet group by nearest, bought, sold
    )
"""
"""Of `recent` trades, how many wallets did something last within which windows."""

COUNTED = """
    select coalesce(sum(trades), 0)::bigint as trades,
        coalesce(sum(trades) filter (where side = 'buy'), 0)::bigint as buys,
        coalesce(sum(trades) filter (where side = 'sell'), 0)::bigint as sells,
        coalesce(sum(amount), 0) as volume_quote,
        coalesce(sum(amount) filter (where side = 'buy'), 0) as buy_volume_quote,
        coalesce(sum(amount) filter (where side = 'sell'), 0) as sell_volume_quote
    from sums where beyond < place
"""
"""Of `sums` by side and by what they are beyond, those within the window of this `place`."""

_TRADERS = """
    select coalesce(sum(wallets) filter (where nearest < place), 0)::bigint as traders,
        coalesce(sum(wallets) filter (where bought < place), 0)::bigint as buyers,
        coalesce(sum(wallets) filter (where sold < place), 0)::bigint as sellers
    from wallets
"""


class Wallets(NamedTuple):
    """What puts wallets into a statement, where they are to be counted.

    Without them nothing is kept of `recent` trades on the way: each is looked at once.
    """

    part: str = ""
    columns: str = ""
    join: str = ""


WITH_WALLETS = Wallets(f", {_WALLETS}", ", traded.*", f"cross join lateral ({_TRADERS}) as traded")


FIRST_PRICED = "select min(first_priced) from sums"
LAST_PRICED = "select max(last_priced) from sums"
OPENING = "select max(last_priced) as opening_pos from sums where beyond >= place"
"""The last trade that made a price before the window; null where there was none."""


def price_at(mint: str, pos: str) -> str:
    """The price that the trade at a position made."""
    return f"(select price from trades where mint = {mint} and pos = {pos})"
