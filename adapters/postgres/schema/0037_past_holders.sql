-- What holders of the past are put together from, beside what is there: of each trade what its trader's
-- accounts held afterwards and, where a pool calls the token its quote, what they got or gave; and liquidity
-- that was moved. Rows of earlier versions know none of it; a rebuild makes them anew.
do $$
declare
    place text;
begin
    foreach place in array array[
        quote_ident(current_schema()) || '.trades', 'trades_next.trades', 'trades_previous.trades'
    ] loop
        execute format(
            'alter table if exists %s
                add column user_token_amount numeric,
                add column user_token_balance numeric',
            place
        );
    end loop;
    foreach place in array array[
        quote_ident(current_schema()), 'holders_next', 'holders_previous'
    ] loop
        continue when to_regclass(place || '.holder_counts') is null;
        execute format(
            'create table %s.holder_liquidity (
                mint text collate "C" not null,
                pos bigint not null,
                time_s bigint not null,
                wallet text collate "C" not null,
                amount numeric not null,
                primary key (mint, pos)
            )',
            place
        );
    end loop;
end
$$;
