-- What the document behind a token's uri said, from the attempt that read it last. A card without
-- `described_attempt` has not been described; a null beside one is what the document does not have.
alter table tokens
    add column described_attempt integer,
    add column description text,
    add column image text,
    add column twitter text,
    add column telegram text,
    add column website text;
