-- What each token traded in each hour, once more by itself: lists and the market add up whole days of all
-- tokens, and among candles of nine intervals each hour is on a page of its own. The key has an hour's tokens
-- side by side. Version 2 of the read model does not keep it, so a program that writes that one is told to stop.
do $$
declare
    place text;
    found text;
begin
    foreach place in array array[
        quote_ident(current_schema()), 'candles_next', 'candles_previous'
    ] loop
        continue when to_regclass(place || '.candles') is null
            or to_regclass(place || '.checkpoint_parts') is null;
        -- Whoever saves just now does so first, or what it saves would be missing.
        execute format(
            'select from %s.checkpoint_parts where name = ''candles'' order by part for update', place
        );
        execute format('select from %s.checkpoints where name = ''candles'' for update', place);
        execute format(
            'create table %s.candle_hours (
                start_s bigint not null,
                mint text collate "C" not null,
                open_pos bigint not null,
                open double precision not null,
                close_pos bigint not null,
                close double precision not null,
                volume_quote numeric not null,
                buys bigint not null,
                sells bigint not null,
                primary key (start_s, mint)
            )',
            place
        );
        execute format(
            'insert into %s.candle_hours select start_s, mint, open_pos, open, close_pos, close,
                volume_quote, buys, sells from %s.candles where interval_s = 3600 order by 1, 2',
            place, place
        );
        -- Nobody looks for hours there any more.
        for found in
            select indexrelid::regclass from pg_index
            where indrelid = to_regclass(place || '.candle_rows')
                and pg_get_expr(indpred, indrelid) = '(interval_s = 3600)'
        loop
            execute 'drop index ' || found;
        end loop;
        execute format(
            'update %s.checkpoints set version = 3 where name = ''candles'' and version = 2', place
        );
        execute format(
            'update %s.checkpoint_parts set version = 3 where name = ''candles'' and version = 2', place
        );
    end loop;
end
$$;
