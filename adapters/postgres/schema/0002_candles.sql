-- Prices are quote units per token unit; volumes are raw units, whose sums may pass 64 bits.
create table candles (
    mint text collate "C" not null,
    interval_s integer not null,
    start_s bigint not null,
    open_pos bigint not null,
    open double precision not null,
    close_pos bigint not null,
    close double precision not null,
    high double precision not null,
    low double precision not null,
    volume_quote numeric not null,
    volume_token numeric not null,
    buys bigint not null,
    sells bigint not null,
    primary key (mint, interval_s, start_s)
);
