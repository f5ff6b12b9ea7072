-- How many wallets hold each token: kept with the holdings, in the transaction that moves them. Version 2
-- of the read model does not keep it, so a program that writes that one is told to stop.
do $$
declare
    place text;
begin
    foreach place in array array[
        quote_ident(current_schema()), 'holders_next', 'holders_previous'
    ] loop
        continue when to_regclass(place || '.holders') is null
            or to_regclass(place || '.checkpoint_parts') is null;
        -- Whoever saves just now does so first, or what it saves would be missing.
        execute format(
            'select from %s.checkpoint_parts where name = ''holders'' order by part for update', place
        );
        execute format('select from %s.checkpoints where name = ''holders'' for update', place);
        execute format(
            'create table %s.holder_counts (
                mint text collate "C" primary key,
                holders bigint not null
            )',
            place
        );
        execute format(
            'insert into %s.holder_counts
                select mint, count(*) filter (where balance > 0) from %s.holders group by mint',
            place, place
        );
        execute format('create index on %s.holder_counts (holders desc, mint)', place);
        execute format(
            'update %s.checkpoints set version = 3 where name = ''holders'' and version = 2', place
        );
        execute format(
            'update %s.checkpoint_parts set version = 3 where name = ''holders'' and version = 2', place
        );
    end loop;
end
$$;
