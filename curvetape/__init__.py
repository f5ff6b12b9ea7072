"""The composition root: command line, configuration, bootstrap and the simulated chain."""
