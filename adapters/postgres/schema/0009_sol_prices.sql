-- What the chain said a SOL was worth, `price * 10^exponent` dollars, from each position on.
create table sol_prices (
    pos bigint primary key,
    publish_time_s bigint not null,
    posted_slot bigint not null,
    account text collate "C" not null,
    price bigint not null,
    confidence numeric not null,
    exponent integer not null,
    -- Exact: a power of ten would be rounded.
    usd numeric not null generated always as ((price::text || 'e' || exponent::text)::numeric) stored
);
create index sol_prices_by_time on sol_prices (publish_time_s);
