-- One row per trade, keyed by its place on the chain, which also orders a token's trades.
-- A plain table without TimescaleDB: partitions would buy nothing before trades are aged out.
create table trades (
    mint text collate "C" not null,
    pos bigint not null,
    id text not null,
    block_time_s bigint not null,
    venue text not null,
    pool text,
    canonical boolean not null,
    side text not null,
    trader text not null,
    quote_mint text not null,
    quote_decimals smallint,
    token_decimals smallint,
    quote_amount numeric not null,
    token_amount numeric not null,
    price double precision,
    quote_reserves numeric not null,
    token_reserves numeric not null,
    layout text not null,
    primary key (mint, pos)
);
