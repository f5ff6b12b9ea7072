"""What users may ask for: each command is decided against its aggregate's own events."""
