-- Up to where rows of a read model were let go of on purpose: what is not there before the position is
-- no hole. `complete_from_s` is the first second of which all rows are there.
create table horizons (
    name text primary key,
    pos bigint not null,
    complete_from_s bigint not null
);

-- Generations that wait in schemas of their own get the table, too.
do $$
declare
    place text;
begin
    for place in
        select kept.relnamespace::regnamespace::text
        from pg_class as kept
        join pg_class as parked
            on parked.relnamespace = kept.relnamespace and parked.relname = 'parked_events'
        where kept.relname = 'checkpoints' and kept.relkind = 'r' and parked.relkind = 'r'
            and kept.relpersistence <> 't' and kept.oid <> 'checkpoints'::regclass
    loop
        execute format(
            'create table if not exists %s.horizons (like horizons including all)', place
        );
    end loop;
end
$$;
