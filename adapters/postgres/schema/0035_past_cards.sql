-- What a card of the past is put together from: what each trade left behind, and what launches, new virtual
-- reserves and burns reported. Rows of earlier versions know none of it; a rebuild makes them anew.
do $$
declare
    place text;
begin
    foreach place in array array[
        quote_ident(current_schema()) || '.trades', 'trades_next.trades', 'trades_previous.trades'
    ] loop
        execute format(
            'alter table if exists %s
                add column held_quote_reserves numeric,
                add column held_token_reserves numeric,
                add column supply numeric',
            place
        );
    end loop;
    foreach place in array array[
        quote_ident(current_schema()), 'tokens_next', 'tokens_previous'
    ] loop
        continue when to_regclass(place || '.token_burns') is null;
        execute format(
            'create table %s.token_reports (
                mint text collate "C" not null,
                pos bigint not null,
                price double precision,
                virtual_quote_reserves numeric,
                virtual_token_reserves numeric,
                held_quote_reserves numeric,
                real_token_reserves numeric,
                supply numeric,
                primary key (mint, pos)
            )',
            place
        );
    end loop;
end
$$;
