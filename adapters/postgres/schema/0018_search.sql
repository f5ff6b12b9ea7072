-- What tokens are found by: one document per token. Figures that rank it are kept out of every index,
-- so that refreshing them leaves the index of texts alone.
create table search_documents (
    mint text collate "C" primary key,
    created_pos bigint,
    created_time_s bigint,
    name text,
    symbol text,
    words text,
    creator text collate "C",
    created_quote_mint text,
    completed_pos bigint,
    graduated_pos bigint,
    pool_pos bigint,
    priced_pos bigint,
    price double precision,
    supplied_pos bigint,
    supply_reported numeric,
    burned_later numeric not null default 0,
    traded_pos bigint,
    traded_time_s bigint,
    traded_quote_mint text,
    quote_decimals smallint,
    trades bigint not null,
    volume_quote numeric not null,
    market_cap double precision generated always as (
        price * (supply_reported - burned_later)::double precision
    ) stored,
    quote_mint text generated always as (coalesce(traded_quote_mint, created_quote_mint)) stored,
    state text not null generated always as (
        case
            when pool_pos is not null or graduated_pos is not null then 'graduated'
            when completed_pos is not null then 'completed'
            else 'curve'
        end
    ) stored,
    venue text not null generated always as (
        case when pool_pos is not null then 'pool' else 'curve' end
    ) stored,
    -- Anyone can open a pool for any mint; only what the programs launched or priced is found.
    listed boolean not null generated always as (
        coalesce(created_pos, priced_pos, completed_pos, pool_pos) is not null
    ) stored,
    -- Only amounts of SOL, native or wrapped, can be ranked with each other.
    for_sol boolean not null generated always as (
        coalesce(traded_quote_mint, created_quote_mint, '') in (
            '11111111111111111111111111111111', 'So11111111111111111111111111111111111111112'
        )
    ) stored
) with (fillfactor = 80);
create index search_documents_by_creator on search_documents (creator);

-- Figures of intervals that the chain's clock has not passed yet.
create table search_waiting (
    start_s bigint not null,
    mint text collate "C" not null,
    priced_pos bigint,
    price double precision,
    supplied_pos bigint,
    supply_reported numeric,
    traded_pos bigint,
    traded_time_s bigint,
    traded_quote_mint text,
    quote_decimals smallint,
    trades bigint not null,
    volume_quote numeric not null,
    primary key (start_s, mint)
);

-- Kept one by one: whether a burn still lessens the reported supply depends on its position.
create table search_burns (
    mint text collate "C" not null,
    pos bigint not null,
    amount numeric not null,
    primary key (mint, pos)
);

-- The newest block time, and a count of the saves; which generation of the tables this is.
create table search_clock (
    single boolean primary key check (single),
    latest_s bigint not null,
    tick bigint not null default 1,
    generation text not null default gen_random_uuid()::text
);

-- In which save a document changed last: what an index elsewhere has yet to be told.
create table search_changes (
    mint text collate "C" primary key,
    tick bigint not null
);
create index search_changes_by_tick on search_changes (tick, mint);

-- Typos are forgiven with pg_trgm, which comes with PostgreSQL but not with every build of it, and
-- which a database's owner may create. Without it only parts of names are found.
do $$
begin
    create extension if not exists pg_trgm;
    create index search_documents_by_words on search_documents using gin (words gin_trgm_ops);
exception
    when undefined_file or feature_not_supported or insufficient_privilege or undefined_object then
        raise notice 'pg_trgm is not there; search will not forgive typos';
end
$$;
