"""From a Yellowstone stream to the durable log, beside readers and writers that do less."""
