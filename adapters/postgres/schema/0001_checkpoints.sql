-- How far each read model has come; moved in the transaction that writes its rows.
create table checkpoints (
    name text primary key,
    version integer not null,
    sequence bigint not null check (sequence >= 0),
    saved_at timestamptz not null default now()
);
