-- What stands first by progress: all of its curve is sold. Those near to it have an index of their feed.
create index tokens_graduated on tokens (mint) where state = 'graduated';
