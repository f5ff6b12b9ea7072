-- Events that a read model could not apply, and, where it holds a token's later ones for them, those.
-- They are in the log, under the sequence; a retry applies them and removes their rows.
create table parked_events (
    name text not null,
    sequence bigint not null,
    event_id text not null,
    mint text collate "C",
    reason text not null,
    parked_at timestamptz not null default now(),
    primary key (name, sequence)
);
create index parked_events_by_mint on parked_events (name, mint);
