"""Read models: pure functions from batches of events to changes, and the loop that runs them."""
