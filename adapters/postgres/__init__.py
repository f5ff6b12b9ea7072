"""The read models in PostgreSQL or TimescaleDB: schema, stores and reads."""
