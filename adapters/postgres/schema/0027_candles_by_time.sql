-- What the whole market traded is added up from minutes and hours by their time.
create index candles_of_minutes on candles (start_s) where interval_s = 60;
create index candles_of_hours on candles (start_s) where interval_s = 3600;
