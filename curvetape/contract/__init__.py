"""What others may rely on, written down from the events themselves: schemas and catalogue."""
