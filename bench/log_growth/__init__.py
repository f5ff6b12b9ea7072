"""What appending and replaying cost as the log grows."""
