"""`api`: how fast the API answers, beside a bare Falcon application on the same server."""
