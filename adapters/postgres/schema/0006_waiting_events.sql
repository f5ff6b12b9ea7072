-- Events wait for their slots to be decided: behind which sequence a restart finds those that do.
-- Before this, none waited; 0 reads everything again, which is always right.
alter table checkpoints
    add column reread_after bigint not null default 0,
    add column refused text;
update checkpoints set reread_after = sequence;
alter table checkpoints add check (reread_after between 0 and sequence);

-- Slots whose events were taken back after rows already held them; a rebuild passes over these.
create table taken_back (
    slot bigint not null,
    sequence bigint not null,
    primary key (slot, sequence)
);
