"""What trades come to within each of several windows, from one look at each trade.

Parts of statements. Windows all end at the same time, so a trade within one is within each longer
one: it is counted once, by how many of them it lies beyond, and the counts are added up.
"""

# ruff: noqa: S608  # the program's own text only


def beyond(age_s: str, lengths: str) -> str:
    """How many windows a trade of this age is too old for; their lengths come in rising order."""
    return f"width_bucket({age_s}, {lengths}) as beyond"


PRICED = "case when price is not null then pos end as priced"
"""The position of a trade that made a price."""

WALLETS = """
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

TRADERS = """
    select coalesce(sum(wallets) filter (where nearest < place), 0)::bigint as traders,
        coalesce(sum(wallets) filter (where bought < place), 0)::bigint as buyers,
        coalesce(sum(wallets) filter (where sold < place), 0)::bigint as sellers
    from wallets
"""

WALLETS_COUNTED = {
    "parts": f", {WALLETS}",
    "columns": ", traded.*",
    "joins": f"cross join lateral ({TRADERS}) as traded",
}
"""What puts the wallets into a statement."""
NO_WALLETS = {"parts": "", "columns": "", "joins": ""}
"""Without them nothing is kept of `recent` trades on the way: each is looked at once."""

FIRST_PRICED = "select min(first_priced) from sums"
LAST_PRICED = "select max(last_priced) from sums"
OPENING = "select max(last_priced) as opening_pos from sums where beyond >= place"
"""The last trade that made a price before the window; null where there was none."""


def price_at(mint: str, pos: str) -> str:
    """The price that the trade at a position made."""
    return f"(select price from trades where mint = {mint} and pos = {pos})"
