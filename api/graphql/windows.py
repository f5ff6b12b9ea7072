"""The names of windows in the schema, where names cannot begin with a digit."""

from ariadne import ObjectType

ATTRIBUTES = {
    "m5": "minutes_5",
    "m15": "minutes_15",
    "h1": "hour",
    "h6": "hours_6",
    "h24": "day",
}


def named_windows(name: str) -> ObjectType:
    """A type whose fields are windows."""
    windows = ObjectType(name)
    for field, attribute in ATTRIBUTES.items():
        windows.set_alias(field, attribute)
    return windows
