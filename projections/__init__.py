"""Read models: pure functions from batches of events to changes, and the one loop that runs them."""
