"""The status page: the pipeline, alive, in a browser."""
