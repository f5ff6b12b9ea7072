"""Read models from outside of this repository: found, and checked before they run."""

import importlib
import re
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import TypeAlias

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import NO_CONNECTIONS, Connections
from projections.projection import Hosted, ProjectionError

GROUP = "curvetape.projections"
"""The entry points by which an installed package registers its own."""

Make: TypeAlias = Callable[[Connections], Hosted]
"""Makes a core with its store on some connections; also on none, to be asked what it is."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BROKEN = (ImportError, AttributeError, SyntaxError)


class RegistrationError(ProjectionError):
    """What is registered as a read model is none, or gets in the way of another one."""


def registered(named: str | None) -> Sequence[Make]:
    """The makers of `module:attribute` by commas, and those of installed packages.

    Raises `RegistrationError`.
    """
    makers = [_imported(each.strip()) for each in (named or "").split(",") if each.strip()]
    for point in sorted(entry_points(group=GROUP), key=lambda it: it.name):
        try:
            loaded = point.load()
        except _BROKEN as error:
            raise RegistrationError(
                point.value, f"the entry point {point.name!r} cannot be loaded: {error}"
            ) from error
        makers.append(_maker(point.value, loaded))
    return makers


def checked(hosted: Sequence[Hosted], *, taken: Sequence[str] = ()) -> Sequence[Hosted]:
    """The same read models, of which no two have a name or a table in common.

    `taken` are names of read models that are kept elsewhere. Raises `RegistrationError`.
    """
    names, owners = set(taken), dict[str, str]()
    for each in hosted:
        name = each.projection.name
        if not _NAME.fullmatch(name):
            raise RegistrationError(
                repr(name),
                "a read model's name has at most 40 lower-case letters, digits and _, a letter "
                "first; schemas are named after it",
            )
        if name in names:
            raise RegistrationError(name, "there is another read model of this name; rename one")
        names.add(name)
        store = each.store
        if not isinstance(store, CheckpointedStore):
            raise RegistrationError(name, "its store has to be a CheckpointedStore or TableStore")
        if (store.name, store.version) != (name, each.projection.version):
            raise RegistrationError(
                name, f"its store says that it keeps {store.name}, version {store.version}"
            )
        for table in (it.table for it in (*store.tables, *store.bookkeeping)):
            if table in owners:
                raise RegistrationError(name, f"its table {table} is that of {owners[table]}")
            owners[table] = name
    return hosted


def _imported(named: str) -> Make:
    module, colon, attribute = named.partition(":")
    if not (module and colon and attribute):
        raise RegistrationError(
            named, "CURVETAPE_PROJECTIONS takes module:attribute, several of them by commas"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except _BROKEN as error:
        raise RegistrationError(
            named, f"it cannot be imported: {error}; PYTHONPATH says where modules are looked for"
        ) from error
    return _maker(named, found)


def _maker(named: str, found: object) -> Make:
    made = found(NO_CONNECTIONS) if callable(found) and not isinstance(found, type) else None
    if not isinstance(made, Hosted):
        raise RegistrationError(
            named, "it has to be a function of connections that returns `host(core, store)`"
        )
    return found  # type: ignore[return-value]  # it has just been called as one
