-- Read models that are divided by mint have a checkpoint for each part. `checkpoints` keeps one row
-- for each read model, at the lowest of its parts, which is what its rows hold for sure.
alter table checkpoints add column parts integer not null default 1 check (parts > 0);

create table checkpoint_parts (
    name text not null,
    part integer not null check (part between 1 and parts),
    parts integer not null check (parts > 1),
    version integer not null,
    sequence bigint not null check (sequence >= 0),
    reread_after bigint not null default 0 check (reread_after between 0 and sequence),
    saved_at timestamptz not null default now(),
    primary key (name, part)
);

-- Generations that wait in schemas of their own, to be served or rolled back to, get the same.
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
            'alter table %s.checkpoints add column if not exists parts integer not null default 1',
            place
        );
        execute format(
            'create table if not exists %s.checkpoint_parts (like checkpoint_parts including all)',
            place
        );
    end loop;
end
$$;
