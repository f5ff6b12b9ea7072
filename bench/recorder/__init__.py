"""The `eventsourcing` library's recorders: on JetStream, PostgreSQL and SQLite."""
