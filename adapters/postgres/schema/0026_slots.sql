-- What proves each slot: the certificate that the log has last for it, or that it died with its fork.
create table slot_certificates (
    slot bigint primary key,
    sequence bigint not null,
    abandoned boolean not null,
    parent_slot bigint,
    blockhash text,
    parent_blockhash text,
    block_time_s bigint,
    executed bigint,
    ours bigint,
    failed bigint,
    decoded bigint,
    unknown bigint,
    first_sequence bigint,
    last_sequence bigint,
    transactions_digest text,
    events_digest text,
    evidence text,
    revision bigint,
    previous text,
    hash text
);
create index slot_certificates_by_time on slot_certificates (block_time_s, slot) where not abandoned;
create index slot_certificates_by_sequence on slot_certificates (sequence) where not abandoned;

-- What was found to be missing, and what of it was filled later: parts of a gap have rows of their own.
create table slot_gaps (
    from_slot bigint not null,
    to_slot bigint not null,
    detected_sequence bigint,
    reason text,
    filled_sequence bigint,
    primary key (from_slot, to_slot)
);
