-- A token by the address of where it trades: its bonding curve, or its canonical pool.
create index tokens_by_bonding_curve on tokens (bonding_curve) where bonding_curve is not null;
create index tokens_by_pool on tokens (pool) where pool is not null;
