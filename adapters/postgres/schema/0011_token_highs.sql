-- A token's all-time high, what really backs its price, who launched it, and what its migration moved.
-- Rows that an earlier version of the program wrote know none of it: that version is refused until a
-- rebuild. Generations that lie beside the served one get the columns, too, so that they can be read.
do $$
declare
    place text;
begin
    foreach place in array array[
        quote_ident(current_schema()) || '.tokens', 'tokens_next.tokens', 'tokens_previous.tokens'
    ] loop
        execute format(
            'alter table if exists %s
                add column created_user text,
                add column created_supply numeric,
                add column held_quote_reserves numeric,
                add column graduated_pool text,
                add column graduated_token_amount numeric,
                add column graduated_quote_amount numeric,
                add column graduated_fee_amount numeric,
                add column high_pos bigint,
                add column high_time_s bigint,
                add column high_price double precision,
                add column high_supply_reported numeric,
                add column burned_by_high numeric not null default 0,
                add column high_market_cap double precision generated always as (
                    high_price * coalesce(
                        high_supply_reported, created_supply - burned_by_high
                    )::double precision
                ) stored',
            place
        );
    end loop;
end
$$;
