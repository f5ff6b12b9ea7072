-- Where a candle's high and low were reached first, and how much of its volume was bought.
-- Null in rows of the core's first version, which a rebuild replaces.
alter table candles
    add column high_pos bigint,
    add column low_pos bigint,
    add column volume_quote_buy numeric;
