-- Each wallet's trades, as narrow as they can be: positions are folded from them once more where
-- one came late, and a wallet's history is read from them. Its key serves both.
create table portfolio_trades (
    wallet text collate "C" not null,
    pos bigint not null,
    time_s bigint not null,
    mint text collate "C" not null,
    quote_mint text collate "C" not null,
    bought boolean not null,
    token_amount numeric not null,
    quote_amount numeric not null,
    fee_amount numeric,
    primary key (wallet, pos)
);

-- What a wallet's trades of a token for a quote mint come to, folded up to `last_pos`.
-- The last trade changes with every save, so what sorts by it has no index: a change that touches
-- none stays on its page, for which there is room.
create table portfolio_positions (
    wallet text collate "C" not null,
    mint text collate "C" not null,
    quote_mint text collate "C" not null,
    first_pos bigint not null,
    first_time_s bigint not null,
    last_pos bigint not null,
    last_time_s bigint not null,
    buys bigint not null,
    sells bigint not null,
    bought_amount numeric not null,
    spent_amount numeric not null,
    sold_amount numeric not null,
    received_amount numeric not null,
    cost_amount numeric not null,
    unbought_amount numeric not null,
    unbought_quote_amount numeric not null,
    fee_amount numeric not null,
    trades_without_fee bigint not null,
    balance numeric not null generated always as (
        bought_amount - sold_amount + unbought_amount
    ) stored,
    realised_amount numeric not null generated always as (
        received_amount - unbought_quote_amount - spent_amount + cost_amount
    ) stored,
    primary key (wallet, mint, quote_mint)
) with (fillfactor = 80);
create index portfolio_positions_by_mint on portfolio_positions (mint);

-- What a wallet sold for a quote mint within a day of UTC.
create table portfolio_days (
    wallet text collate "C" not null,
    quote_mint text collate "C" not null,
    day_s bigint not null,
    realised_amount numeric not null,
    received_amount numeric not null,
    unbought_quote_amount numeric not null,
    sells bigint not null,
    primary key (wallet, quote_mint, day_s)
) with (fillfactor = 80);
