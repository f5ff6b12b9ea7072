-- Candles are let go of by their interval, so a read model can have a horizon for each. What is noted for all
-- of its rows has the interval 0.
do $$
declare
    place text;
    primary_key text;
begin
    for place, primary_key in
        select kept.relnamespace::regnamespace::text, quote_ident(conname)
        from pg_class as kept
        join pg_class as beside
            on beside.relnamespace = kept.relnamespace and beside.relname = 'checkpoints'
        join pg_constraint on conrelid = kept.oid and contype = 'p'
        where kept.relname = 'horizons' and kept.relkind = 'r' and kept.relpersistence <> 't'
    loop
        execute format(
            'alter table %1$s.horizons
                add column interval_s integer not null default 0,
                drop constraint %2$s,
                add primary key (name, interval_s)',
            place, primary_key
        );
    end loop;
end
$$;
