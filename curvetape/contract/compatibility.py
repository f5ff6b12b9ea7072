"""What a change of schemas would break for those who read the log, or for the log's own past.

An event may be given a further field that may be absent, and a kind may be added; words may be
put better. All else is a new version of the kind: readers that know the old schema have to get
along with the new events, and new readers with the old ones.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = frozenset({"description", "title", "x-unit", "$id", "$schema", "examples"})
"""These say the same of the same bytes, however they are put."""


def incompatibilities(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """A sentence for each change of schemas, by tag, that is none of those allowed."""
    found: list[str] = []
    for tag, schema in before.items():
        if tag not in after:
            found.append(f"{tag}: the kind is gone; old logs hold it, so its Struct has to stay")
        else:
            found += (f"{tag}{change}" for change in _changes(schema, after[tag]))
    return found


def _changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """What differs between two pieces of a schema beyond words and fields that may be absent."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if "properties" in before and "properties" in after:
            yield from _object_changes(before, after, path)
            return
        keys = (before.keys() | after.keys()) - _WORDS
        for key in sorted(keys):
            if key == "definitions":
                yield from _definition_changes(before.get(key, {}), after.get(key, {}))
            else:
                yield from _changes(before.get(key, _ABSENT), after.get(key, _ABSENT), path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after, strict=True):
            yield from _changes(old, new, path)
    elif before != after or type(before) is not type(after):
        yield f"{path}: was {_shown(before)} and is {_shown(after)}"


def _object_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str
) -> Iterator[str]:
    old, new = before["properties"], after["properties"]
    needed, needs = set(before.get("required", ())), set(after.get("required", ()))
    for name in sorted(old):
        if name not in new:
            yield f"{path}.{name}: the field is gone"
        else:
            yield from _changes(old[name], new[name], f"{path}.{name}")
    for name in sorted((needs - needed) - set(old)):
        yield f"{path}.{name}: a new field must be allowed to be absent, as in old events"
    for name in sorted((needs - needed) & set(old)):
        yield f"{path}.{name}: could be absent, as in old events, and is required"
    for name in sorted((needed - needs) & set(new)):
        yield f"{path}.{name}: was always there, and may be absent"
    inner = {"properties", "required", "definitions"}
    yield from _changes(
        {key: value for key, value in before.items() if key not in inner},
        {key: value for key, value in after.items() if key not in inner},
        path,
    )
    yield from _definition_changes(before.get("definitions", {}), after.get("definitions", {}))


def _definition_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Of parts that a schema refers to; one that nothing refers to any more shows where it did."""
    for name in sorted(before.keys() & after.keys()):
        yield from _changes(before[name], after[name], f" {name}")


class _Absent:
    """Where a schema says nothing."""


_ABSENT = _Absent()


def _shown(value: Any) -> str:
    return "not said" if value is _ABSENT else repr(value)
