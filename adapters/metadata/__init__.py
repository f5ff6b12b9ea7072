"""Documents of strangers, asked for over HTTP without reaching anything that is not public."""
