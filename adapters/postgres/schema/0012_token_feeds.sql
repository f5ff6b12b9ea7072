-- How much of its curve a token has sold, as `projections.reads.curve_progress` reckons it.
do $$
declare
    place text;
begin
    foreach place in array array[
        quote_ident(current_schema()) || '.tokens', 'tokens_next.tokens', 'tokens_previous.tokens'
    ] loop
        execute format(
            'alter table if exists %s
                add column progress double precision generated always as (
                    case
                        when completed_pos is not null or graduated_pos is not null
                            or pool_pos is not null then 1
                        when initial_real_token_reserves > 0 then least(greatest(
                            1 - real_token_reserves::double precision
                                / initial_real_token_reserves::double precision, 0
                        ), 1)
                    end
                ) stored',
            place
        );
    end loop;
end
$$;

-- One index per feed. Tokens far from graduation are left out of theirs, since every trade moves them.
create index tokens_by_launch on tokens (created_pos desc) where created_pos is not null;
create index tokens_by_graduation on tokens (graduated_pos desc) where graduated_pos is not null;
create index tokens_by_progress on tokens (progress desc, mint)
    where progress >= 0.5 and graduated_pos is null and pool_pos is null;
create index tokens_by_creator on tokens (creator, created_pos desc) where creator is not null;
