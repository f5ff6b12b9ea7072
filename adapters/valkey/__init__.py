"""Redis or Valkey: the leaderboards, kept and asked."""
