"""Read models fed from the log, beside the `eventsourcing` library's projection runner."""
