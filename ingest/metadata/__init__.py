"""The metadata of tokens: what is behind their `uri`, found once and kept in the log."""
