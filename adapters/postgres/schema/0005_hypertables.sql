-- Where TimescaleDB is there, the tables that grow with time are chunked by it.
do $$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        -- 30 days in seconds.
        perform create_hypertable('candles', 'start_s', chunk_time_interval => 2592000);
        -- A position's upper bits are the slot (31 bits follow it): 216,000 slots make a day.
        perform create_hypertable('trades', 'pos', chunk_time_interval => 216000::bigint << 31);
    end if;
end
$$;
