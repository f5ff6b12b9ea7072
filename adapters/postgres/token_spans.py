"""What tokens traded in the minutes of a list, added up from candles, as parts of a statement."""

from adapters.postgres.candle_pages import starting_in

# ruff: noqa: S608  # the program's own text only

POS = "$26"
"""The moment of the list. Its minutes are from $18 to $21, of which [$19, $20) are whole hours.

The last of these may end behind $21, where nothing of it does.
"""

SETTINGS = """
    select set_config('work_mem', '64MB', true),
        set_config('plan_cache_mode', 'force_custom_plan', true),
        set_config('max_parallel_workers_per_gather', '0', true),
        set_config('jit', 'off', true)
"""
"""For the transaction. All tokens that traded in a day are sorted and joined, and the server's own
setting is for less. A plan that knows nothing of how long the window is takes it for a moment.
Processes that are started for one page of many, and code that is compiled for it, cost more than
they save."""

# By one column of which it knows nothing PostgreSQL expects 200 groups, whatever comes in, and then
# loops over tens of thousands, each with each. By two it expects a tenth of the rows at least.
_CANDLE = """
    select mint, 0 as one, open_pos, open, close_pos, close, volume_quote, buys + sells as trades
"""


def _parts(hours: str, mint: str | None = None) -> str:
    return f"""
        {_CANDLE} from {starting_in("60", "$18", "$19", mint=mint)} as first_minutes
        union all
        {_CANDLE} from {hours} as hours
        union all
        {_CANDLE} from {starting_in("60", "$20", "$21", mint=mint)} as last_minutes
    """


PARTS = _parts("(select * from candle_hours where start_s >= $19 and start_s < $20)")
"""The candles of all tokens."""


def of_token(mint: str) -> str:
    """What one token traded, by its own candles, as a source; nulls where it did not."""
    hours = starting_in("3600", "$19", "$20", mint=mint)
    return f"""(
        select sum(volume_quote) as volume_quote, sum(trades)::bigint as trades,
            min(open_pos) as open_pos, max(close_pos) as close_pos,
            (array_agg(open order by open_pos))[1] as open,
            (array_agg(close order by close_pos desc))[1] as close
        from ({_parts(hours, mint)}) as parts
    )"""


def span(
    *, ordered_by: str | None, volume_alone: bool, of_usdc: bool = False, among: str | None = None
) -> str:
    """The tokens that traded in the minutes, with what they traded and their cards.

    With a statement of mints, only of these. Ordered by a figure, they are looked at until the page
    is full, and the cards of the others are not read. Nothing is `materialized` here: of what is
    read once, no column is added up that nobody asks for. So nothing is here that nobody reads.
    """
    sums = "sum(volume_quote) as volume_quote"
    others = "null::bigint as trades, null::bigint as open_pos, null::bigint as close_pos"
    if not volume_alone:
        others = """sum(trades)::bigint as trades,
            min(open_pos) as open_pos, max(close_pos) as close_pos"""
    spans = "spans"
    if ordered_by is not None:
        spans = f"(select * from spans order by {ordered_by} desc, mint) as spans"
    parts = PARTS
    if among is not None:
        parts = f"select * from ({PARTS}) as parts where mint in ({among})"
    found = f"""
    parts as ({parts}),
    spans as (
        select mint, {sums}, {others} from parts group by mint, one
    ), windowed as not materialized (
        select {_CARD} from {spans} join tokens on tokens.mint = spans.mint
    )
    """
    if of_usdc:
        found += f""", windowed_of_usdc as (
        select {_CARD} from (select * from tokens where {OF_USDC} offset 0) as tokens
        join spans on spans.mint = tokens.mint
    )
    """
    return found


OF_USDC = (
    "coalesce(last_trade_quote_mint, created_quote_mint) ="
    " 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'"
)
_CARD = """
    tokens.mint, listed, state, pool_pos, for_sol, market_cap, held_quote_reserves,
    real_quote_reserves, progress, created_time_s, created_quote_mint, created_pos,
    last_trade_quote_mint, last_trade_pos, spans.volume_quote, spans.trades,
    spans.open_pos, spans.close_pos,
    0::numeric as since_volume, 0::bigint as since_trades, null::float8 as last_price
"""
MOVED_SPAN = f"""
    moved_spans as (
        select moved.mint, sums.* from moved
        cross join lateral {of_token("moved.mint")} as sums where sums.trades > 0
    ), windowed_moved as materialized (
        select moved.mint, listed, state, pool_pos, for_sol, market_cap, held_quote_reserves,
            real_quote_reserves, progress, created_time_s, created_quote_mint,
            last_trade_quote_mint, last_trade_pos,
            spans.volume_quote - since.volume_quote as volume_quote,
            spans.trades - since.trades as trades, spans.open_pos, spans.close_pos,
            since.volume_quote as since_volume, since.trades as since_trades,
            before.price as last_price
        from moved join moved_spans as spans on spans.mint = moved.mint
        cross join lateral (
            select count(*) as trades, coalesce(sum(quote_amount), 0) as volume_quote
            from trades where mint = moved.mint and canonical and trades.price is not null
                and pos > {POS} and block_time_s >= $18 and block_time_s < $21
        ) as since
        left join lateral (
            select price from trades where mint = moved.mint and canonical
                and trades.price is not null and pos <= {POS}
                and block_time_s >= $18 and block_time_s < $21 order by pos desc limit 1
        ) as before on true
        where spans.trades > since.trades
    )
"""
FIGURED = f"""
    figured as (
        select picked.*, sums.volume_quote - since_volume as span_volume,
            sums.trades - since_trades as span_trades,
            coalesce(last_price, sums.close) / sums.open - 1 as span_change
        from picked cross join lateral {of_token("picked.mint")} as sums
    )
"""
"""What the tokens of a page traded, each by its own candles."""


def with_change(source: str) -> str:
    """The rows with the change of their price; costly, so only where it is asked for."""
    return f"""(
        select source.*, coalesce(source.last_price, closing.close) / opening.open - 1 as change
        from {source} as source
        join parts as opening on opening.mint = source.mint and opening.open_pos = source.open_pos
        join parts as closing
            on closing.mint = source.mint and closing.close_pos = source.close_pos
    )"""
