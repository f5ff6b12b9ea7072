-- Candles that were loaded from the archive lie in pages, many of a token in one row; `candles`
-- shows them with the plain rows, which are in a table of another name from here on. So does each
-- generation that stands beside the served one.
do $migration$
declare
    place text;
begin
    for place in
        select relnamespace::regnamespace::text from pg_class
        where relname = 'candles' and relkind in ('r', 'p')
            and (
                relnamespace = (select relnamespace from pg_class where oid = to_regclass('candles'))
                or relnamespace in (
                    select oid from pg_namespace where nspname in ('candles_next', 'candles_previous')
                )
            )
    loop
        -- In the order in which each save takes them: the checkpoint, then the table.
        if to_regclass(place || '.checkpoint_parts') is not null then
            execute format(
                'select from %s.checkpoint_parts where name = ''candles'' order by part for update', place
            );
            execute format('select from %s.checkpoints where name = ''candles'' for update', place);
        end if;
        execute format($$
            -- A generation of the core's first version may have none of them.
            alter table %1$s.candles
                add column if not exists high_pos bigint,
                add column if not exists low_pos bigint,
                add column if not exists volume_quote_buy numeric;

            alter table %1$s.candles rename to candle_rows;

            create table %1$s.candle_pages (
                mint text collate "C" not null,
                -- All that its candles traded is from here until there, in seconds; and the lengths
                -- of the shortest and of the longest of them.
                from_s bigint not null,
                until_s bigint not null,
                shortest_s integer not null,
                longest_s integer not null,
                number bigint not null,
                -- Nine for each candle: start_s * 256 + the place of its length * 16 + that of the
                -- longest length for which it is the same candle; open_pos, close_pos, high_pos,
                -- low_pos, volume_quote, volume_quote_buy, volume_token; buys * 2^32 + sells.
                numbers bigint[] not null,
                -- Four for each: open, close, high, low.
                prices double precision[] not null,
                primary key (mint, until_s, from_s, shortest_s, longest_s, number)
            ) with (toast_tuple_target = 8160);
            -- They do not pack well, and whoever reads one reads all of it.
            alter table %1$s.candle_pages
                alter column numbers set storage external,
                alter column prices set storage external;

            -- Whoever adds up all tokens looks for the pages of some time.
            create index on %1$s.candle_pages (until_s, from_s);

            -- Up to where there are pages, so that whoever saves what is newer need not look.
            create table %1$s.candle_page_ends (
                interval_s integer primary key,
                until_s bigint not null
            );

            create view %1$s.candles as
            select * from %1$s.candle_rows
            union all
            select page.mint, level.interval_s,
                (page.numbers[9 * place + 1] >> 8)
                    - (page.numbers[9 * place + 1] >> 8) %% level.interval_s as start_s,
                page.numbers[9 * place + 2] as open_pos, page.prices[4 * place + 1] as open,
                page.numbers[9 * place + 3] as close_pos, page.prices[4 * place + 2] as close,
                page.prices[4 * place + 3] as high, page.prices[4 * place + 4] as low,
                page.numbers[9 * place + 6]::numeric as volume_quote,
                page.numbers[9 * place + 8]::numeric as volume_token,
                page.numbers[9 * place + 9] >> 32 as buys,
                page.numbers[9 * place + 9] & 4294967295 as sells,
                page.numbers[9 * place + 4] as high_pos, page.numbers[9 * place + 5] as low_pos,
                page.numbers[9 * place + 7]::numeric as volume_quote_buy
            from %1$s.candle_pages as page
            cross join generate_series(0, cardinality(page.prices) / 4 - 1) as place
            join (
                values (0, 1), (1, 5), (2, 15), (3, 60), (4, 300), (5, 900), (6, 3600),
                    (7, 14400), (8, 86400)
            ) as level (number, interval_s)
                on level.number between (page.numbers[9 * place + 1] >> 4) & 15
                    and page.numbers[9 * place + 1] & 15;
        $$, place);
    end loop;
end
$migration$;
