"""The query side: HTTP over read models, never over the log."""
