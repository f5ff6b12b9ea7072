"""Candles from the archive, beside the `eventsourcing` library and beside a bare COPY."""
