"""Read models built beside those that are served, and put into their place in one step.

A generation's tables lie in a schema of their own, named as the served ones are in theirs, with a
checkpoint beside them. So the same store fills them, on connections that look nowhere else.
"""

import re
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from types import TracebackType
from typing import Self

from adapters.postgres import checkpoint_parts
from adapters.postgres.pool import Connection
from adapters.postgres.reaching import reach
from domain.partition import Partition
from projections.generation import Generation, GenerationError, Place

# ruff: noqa: S608  # names of schemas and tables only, none of which is taken as it was given

LOCK_WAIT_S_MAX = 20.0
"""How long the swap waits for statements that are under way on the served tables."""

LOCK_CLASS = 0x63757276
"""Advisory locks of who changes generations ("curv" in ASCII)."""

_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OWN = ("checkpoints", "checkpoint_parts", "taken_back", "parked_events", "horizons")
"""What each generation has of its own beside the read model's tables."""


class Generations:
    """The generations in one database; use it as a context, and `claim` what is to be changed."""

    def __init__(self, dsn: str, connection: Connection, served: str) -> None:
        self.dsn = dsn
        self._connection = connection
        self._served = served

    @classmethod
    async def open(
        cls, dsn: str, *, application: str = "curvetape projections", schema: str | None = None
    ) -> Self:
        """Connect; raises `GenerationError` where no read model was ever made.

        With a schema, what lies there is taken for what is served.
        """
        place = {} if schema is None else {"search_path": schema}
        connection = await reach(dsn, application_name=application, **place)
        served: str | None = await connection.fetchval(
            "select relnamespace::regnamespace::text from pg_class"
            " where oid = to_regclass('checkpoints')"
        )
        if served is None:
            await connection.close()
            raise GenerationError("the database has no read models; `curvetape project` makes them")
        return cls(dsn, connection, served)

    async def served(self) -> Mapping[str, Generation]:
        """The read models that answer, by name."""
        return await self._in(self._served)

    async def parked(self) -> Mapping[str, int]:
        """How many events each served read model has set aside, by name; none where absent."""
        rows = await self._connection.fetch(
            f"select name, count(*) as events from {self._served}.parked_events group by name"
        )
        return {row["name"]: row["events"] for row in rows}

    async def beside(self, name: str, place: Place) -> Generation | None:
        """The generation in a place; None where there is none."""
        return await self.inside(schema_of(name, place), name)

    async def inside(self, schema: str, name: str) -> Generation | None:
        """A read model as a schema has it; None where it does not."""
        if await self._connection.fetchval("select to_regclass($1)", f"{schema}.checkpoints"):
            return (await self._in(schema)).get(name)
        return None

    async def divide(self, name: str, parts: int) -> int:
        """Divide the served read model into so many parts, or with 1 into none.

        Returns the sequence that all of it is at. Raises `UnevenPartsError`.
        """
        async with self._connection.transaction():
            return await checkpoint_parts.divide(self._connection, name, parts)

    async def claim(self, name: str) -> None:
        """Be the only one who changes generations of a read model, until the connection ends.

        Raises `GenerationError` where another one is at it.
        """
        if not await self._connection.fetchval(
            "select pg_try_advisory_lock($1, hashtext($2))", LOCK_CLASS, name
        ):
            raise GenerationError(f"another rebuild of {name} is at work on this database")

    async def create(
        self,
        name: str,
        schema: str,
        tables: Sequence[str],
        *,
        version: int,
        definitions: Mapping[str, str] | None = None,
        views: Mapping[str, str] | None = None,
    ) -> None:
        """Make a schema with empty tables; replaces what it held before.

        Tables are like the served ones, or as `definitions` has them, by name. `views` are queries
        of these tables.
        Raises `GenerationError` for a schema that holds anything else.
        """
        _check(schema)
        connection = self._connection
        async with connection.transaction():
            if await self._exists(schema) and await self.inside(schema, name) is None:
                raise GenerationError(
                    f"the schema {schema} is there and holds no generation of {name}; "
                    "name another one, or drop it"
                )
            await connection.execute(f"drop schema if exists {schema} cascade")
            await connection.execute(f"create schema {schema}")
            for table in (*_OWN, *tables):
                like = f"(like {self._served}.{table} including all)"
                definition = (definitions or {}).get(table, like)
                await connection.execute(f"create table {schema}.{table} {definition}")
                if definition == like:
                    await self._store_alike(schema, table)
                await self._chunk(schema, table)
            for view, query in (views or {}).items():
                await connection.execute(f"set local search_path = {schema}")
                await connection.execute(f"create view {schema}.{view} as {query}")
            await connection.execute(
                f"insert into {schema}.taken_back select * from {self._served}.taken_back"
            )
            if schema == schema_of(name, "next"):  # a part of the past has all of it
                await connection.execute(
                    f"insert into {schema}.horizons select * from {self._served}.horizons"
                    " where name = $1",
                    name,
                )
            await connection.execute(
                f"insert into {schema}.checkpoints (name, version, sequence) values ($1, $2, 0)",
                name,
                version,
            )

    async def drop(self, name: str, place: Place) -> bool:
        """Throw a generation away; whether there was one."""
        if await self.beside(name, place) is None:
            return False
        await self._connection.execute(f"drop schema {schema_of(name, place)} cascade")
        return True

    async def promote(
        self,
        name: str,
        place: Place,
        tables: Sequence[str],
        catch_up: Callable[[Generation], Awaitable[Container[int]]],
    ) -> Generation:
        """Serve a generation; what was served until then is `previous`.

        Nothing can be saved to the served tables from the moment that `catch_up` is given their
        place; it brings the generation to the same one, part by part, and says which events wait
        for their slots there. Who reads waits for the swap alone, and goes on with the new tables;
        so does who saves, where the versions are the same.
        Raises `GenerationError`, and leaves all as it was.
        """
        schema, served = schema_of(name, place), self._served
        connection = self._connection
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{LOCK_WAIT_S_MAX:g}s'")
            for table, order in (("checkpoint_parts", "order by part"), ("checkpoints", "")):
                await connection.execute(
                    f"select from {served}.{table} where name = $1 {order} for update", name
                )
            live = (await self.served()).get(name)
            if live is None or await self.beside(name, place) is None:
                raise GenerationError(f"{name} has no {place} generation; rebuild it first")
            undecided = await catch_up(live)
            found = await self.beside(name, place)
            assert found is not None, "nobody else changes it"
            if (found.sequence, found.parts) != (live.sequence, live.parts):
                raise GenerationError(
                    f"{name}: the {place} generation is at {_at(found)}, the served one at"
                    f" {_at(live)}; try again"
                )
            await self._swap(name, schema, tables, await self._passed(live, undecided))
        return found

    async def _passed(self, live: Generation, undecided: Container[int]) -> Sequence[int]:
        """The sequences of served parked events that the checkpoint has passed.

        Any other one, which may have waited for its slot until just now, is about to be passed by
        whoever saves to what is served, and has no second chance to be parked: it stays where it
        is.
        """
        rows = await self._connection.fetch(
            f"select sequence, mint from {self._served}.parked_events where name = $1", live.name
        )
        places = live.parts or (live.sequence,)
        parts = {Partition(part, len(places)): at for part, at in enumerate(places, start=1)}
        return [
            row["sequence"]
            for row in rows
            if row["sequence"] not in undecided
            and any(it.owns(row["mint"]) and row["sequence"] <= at for it, at in parts.items())
        ]

    async def _swap(
        self, name: str, schema: str, tables: Sequence[str], passed: Sequence[int]
    ) -> None:
        served, previous, incoming = self._served, schema_of(name, "previous"), f"{name}_incoming"
        execute = self._connection.execute
        await execute(f"alter schema {schema} rename to {incoming}")
        await execute(f"drop schema if exists {previous} cascade")
        await execute(f"create schema {previous}")
        for table in _OWN:
            await execute(f"create table {previous}.{table} (like {served}.{table} including all)")
        await execute(
            f"insert into {previous}.checkpoints select * from {served}.checkpoints"
            " where name = $1",
            name,
        )
        await execute(f"insert into {previous}.taken_back select * from {served}.taken_back")
        await execute(
            f"insert into {previous}.checkpoint_parts select * from {served}.checkpoint_parts"
            " where name = $1",
            name,
        )
        await execute(
            f"with gone as (delete from {served}.parked_events"
            " where name = $1 and sequence = any($2::bigint[]) returning *)"
            f" insert into {previous}.parked_events select * from gone",
            name,
            passed,
        )
        await execute(
            f"with gone as (delete from {served}.horizons where name = $1 returning *)"
            f" insert into {previous}.horizons select * from gone",
            name,
        )
        await execute(f"insert into {served}.horizons select * from {incoming}.horizons")
        await execute(f"insert into {served}.parked_events select * from {incoming}.parked_events")
        for table in tables:
            await execute(f"alter table if exists {served}.{table} set schema {previous}")
            await execute(f"alter table {incoming}.{table} set schema {served}")
        await execute(
            f"insert into {served}.taken_back select * from {incoming}.taken_back"
            " on conflict do nothing"
        )
        # In place, since runners wait for these very rows.
        await execute(
            f"update {served}.checkpoint_parts as kept set version = made.version,"
            " reread_after = made.reread_after, saved_at = now()"
            f" from {incoming}.checkpoint_parts as made"
            " where kept.name = $1 and made.name = $1 and kept.part = made.part",
            name,
        )
        await execute(
            f"update {served}.checkpoints as kept set version = made.version,"
            " reread_after = made.reread_after, refused = made.refused, saved_at = now()"
            f" from {incoming}.checkpoints as made where kept.name = $1 and made.name = $1",
            name,
        )
        await execute(f"drop schema {incoming} cascade")

    async def _in(self, schema: str) -> Mapping[str, Generation]:
        rows = await self._connection.fetch(
            "select name, version, sequence, refused, array("
            f" select part.sequence from {schema}.checkpoint_parts as part"
            " where part.name = whole.name and whole.parts > 1 order by part.part) as parts"
            f" from {schema}.checkpoints as whole order by name"
        )
        return {row["name"]: Generation(**{**row, "parts": tuple(row["parts"])}) for row in rows}

    async def _exists(self, schema: str) -> bool:
        return bool(await self._connection.fetchval("select to_regnamespace($1)", schema))

    async def _store_alike(self, schema: str, table: str) -> None:
        """Give a table the storage parameters of the served one, which `like` leaves out."""
        options: str | None = await self._connection.fetchval(
            "select array_to_string(reloptions, ', ') from pg_class where oid = $1::text::regclass",
            f"{self._served}.{table}",
        )
        if options:
            await self._connection.execute(f"alter table {schema}.{table} set ({options})")

    async def _chunk(self, schema: str, table: str) -> None:
        """Cut a table as the served one is, where that is TimescaleDB's."""
        if not await self._connection.fetchval(
            "select true from pg_extension where extname = 'timescaledb'"
        ):
            return
        cut = await self._connection.fetchrow(
            "select column_name, integer_interval from timescaledb_information.dimensions"
            " where hypertable_schema = $1 and hypertable_name = $2",
            self._served,
            table,
        )
        if cut is not None:
            await self._connection.execute(
                "select create_hypertable($1::text::regclass, $2::text::name,"
                " chunk_time_interval => $3::bigint, create_default_indexes => false)",
                f"{schema}.{table}",
                cut["column_name"],
                cut["integer_interval"],
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.close()


def schema_of(name: str, place: Place) -> str:
    """The schema of a generation."""
    return f"{name}_{place}"


def _at(generation: Generation) -> str:
    if not generation.parts:
        return f"sequence {generation.sequence}"
    return f"sequences {', '.join(map(str, generation.parts))} of its parts"


def _check(schema: str) -> None:
    if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_") or schema == "public":
        raise GenerationError(
            f"{schema!r} is no name for a schema of its own; use lower-case letters, digits and _"
        )
