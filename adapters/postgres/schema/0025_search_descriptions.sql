-- What the document behind a token's uri says, from the attempt that read it last: its words can be
-- found, its links filter. All are null for a token that has not been described.
alter table search_documents
    add column described_attempt integer,
    add column description text,
    add column description_words text,
    add column has_website boolean,
    add column has_twitter boolean,
    add column has_telegram boolean;

do $$
begin
    create index search_documents_by_description on search_documents
        using gin (description_words gin_trgm_ops);
exception
    when undefined_object then
        raise notice 'pg_trgm is not there; a search in descriptions reads all of them';
end
$$;
