-- A token's card in groups of columns, each with the position that the group is from, so that
-- what arrives late can only overwrite what it really follows.
create table tokens (
    mint text collate "C" primary key,
    created_pos bigint,
    created_time_s bigint,
    name text,
    symbol text,
    uri text,
    creator text,
    bonding_curve text,
    created_quote_mint text,
    initial_real_token_reserves numeric,
    priced_pos bigint,
    price double precision,
    virtual_quote_reserves numeric,
    virtual_token_reserves numeric,
    curve_pos bigint,
    real_quote_reserves numeric,
    real_token_reserves numeric,
    supplied_pos bigint,
    supply_reported numeric,
    burned_later numeric not null default 0,
    supply numeric generated always as (supply_reported - burned_later) stored,
    market_cap double precision generated always as (
        price * (supply_reported - burned_later)::double precision
    ) stored,
    completed_pos bigint,
    completed_time_s bigint,
    graduated_pos bigint,
    graduated_time_s bigint,
    pool_pos bigint,
    pool text,
    state text not null generated always as (
        case
            when pool_pos is not null or graduated_pos is not null then 'graduated'
            when completed_pos is not null then 'completed'
            else 'curve'
        end
    ) stored,
    -- Anyone can open a pool for any mint; only what the programs launched or priced is listed.
    listed boolean not null generated always as (
        coalesce(created_pos, priced_pos, completed_pos, pool_pos) is not null
    ) stored,
    -- Whether it trades for SOL, native or wrapped: only these can be ranked by an amount of quote.
    for_sol boolean not null generated always as (
        coalesce(last_trade_quote_mint, created_quote_mint, '') in (
            '11111111111111111111111111111111', 'So11111111111111111111111111111111111111112'
        )
    ) stored,
    first_trade_pos bigint,
    first_trade_time_s bigint,
    last_trade_pos bigint,
    last_trade_time_s bigint,
    last_trade_quote_mint text,
    quote_decimals smallint,
    token_decimals smallint,
    trades bigint not null,
    buys bigint not null,
    sells bigint not null,
    volume_quote numeric not null
);

-- One index per sort order; -1 is what the cursors use for a value that is not known.
create index tokens_by_last_trade on tokens (coalesce(last_trade_pos, -1) desc, mint);
create index tokens_by_created on tokens (coalesce(created_time_s, -1) desc, mint);
create index tokens_by_market_cap on tokens (
    (case when for_sol then coalesce(market_cap, -1) else -1 end) desc, mint
);
create index tokens_by_volume on tokens (
    (case when for_sol then volume_quote else -1 end) desc, mint
);
create index tokens_by_trades on tokens (trades desc, mint);

-- Kept one by one: whether a burn still lessens the reported supply depends on its position.
create table token_burns (
    mint text collate "C" not null,
    pos bigint not null,
    amount numeric not null,
    primary key (mint, pos)
);
