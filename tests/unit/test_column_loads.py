"""Read models that are filled by columns: a module for each, and a line in the list of them."""

from importlib import import_module
from pathlib import Path

from adapters.postgres.pool import NO_CONNECTIONS
from curvetape import loads
from curvetape.bootstrap import read_models
from curvetape.loads.every import LOADS

MODULES = {it.stem for it in Path(loads.__path__[0]).glob("*.py")}
BESIDE = {"__init__", "every", "making"}


def test_every_module_of_a_load_is_listed_by_the_name_of_its_read_model() -> None:
    found = {name: import_module(f"curvetape.loads.{name}").LOAD for name in MODULES - BESIDE}
    assert found == LOADS


def test_loads_fill_tables_of_read_models_that_there_are() -> None:
    tables = {
        each.projection.name: {it.table for it in (*each.store.tables, *each.store.bookkeeping)}  # type: ignore[attr-defined]  # all are PostgreSQL's
        for each in read_models(NO_CONNECTIONS)
    }
    assert len(LOADS) > 5
    for name, load in LOADS.items():
        assert {it.table for it in (load.into.table, *load.into.beside)} <= tables[name]
