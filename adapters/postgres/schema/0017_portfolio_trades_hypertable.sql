-- As for trades: chunked by a day of slots where TimescaleDB is there.
do $$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        perform create_hypertable(
            'portfolio_trades', 'pos', chunk_time_interval => 216000::bigint << 31
        );
    end if;
end
$$;
