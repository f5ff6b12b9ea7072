"""The test kit: builders, recorded data and contract suites that strangers may use too."""
