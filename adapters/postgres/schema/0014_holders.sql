-- What each wallet moved of each token, by sums that add up in any order. The primary key puts a
-- token's wallets together; no other index, since every trade would have to move its entry.
create table holders (
    mint text collate "C" not null,
    wallet text collate "C" not null,
    first_pos bigint not null,
    first_time_s bigint not null,
    last_pos bigint not null,
    last_time_s bigint not null,
    first_buy_pos bigint,
    bought numeric not null,
    sold numeric not null,
    deposited numeric not null,
    withdrawn numeric not null,
    balance numeric not null generated always as (
        greatest(bought - sold + withdrawn - deposited, 0)
    ) stored,
    -- Given away without having come by any of these moves: it came by a transfer.
    received numeric not null generated always as (
        greatest(sold - bought + deposited - withdrawn, 0)
    ) stored,
    primary key (mint, wallet)
);

-- How each token began: what a class of holders is measured against when somebody asks.
create table holder_launches (
    mint text collate "C" primary key,
    pos bigint not null,
    creator text,
    launcher text not null,
    bonding_curve text not null
);
