"""How read models are filled from the archive, where one is configured.

What reads it by columns is imported only then: Polars is not needed otherwise.
"""

from collections.abc import Mapping

from adapters.valkey.checkpoint import CheckpointedStore
from curvetape.archives import archive_of
from curvetape.cli.common import say
from curvetape.config import Settings
from curvetape.rebuilding import Load
from curvetape.rebuilding_keys import KeyLoad
from projections.leaderboards import Changes


def loads_of(settings: Settings, dsn: str) -> Mapping[str, Load]:
    """By name, those of PostgreSQL's read models; none without an archive."""
    archive = archive_of(settings)
    if archive is None:
        return {}
    from curvetape.loading import (  # noqa: PLC0415  # only where there is an archive
        load_by_columns,
    )
    from curvetape.loads.every import LOADS  # noqa: PLC0415  # the same

    def load_of(name: str) -> Load:
        async def load(schema: str, until: int) -> None:
            await load_by_columns(name, archive, dsn, schema, until=until, say=say)

        return load

    return {name: load_of(name) for name in LOADS}


def key_load_of(settings: Settings) -> KeyLoad | None:
    """That of leaderboards; None without an archive."""
    archive = archive_of(settings)
    if archive is None:
        return None
    from curvetape.loading_keys import (  # noqa: PLC0415  # only where there is an archive
        load_keys_by_columns,
    )

    async def load(rows: CheckpointedStore[Changes], until: int) -> None:
        await load_keys_by_columns(archive, rows, until=until, say=say)

    return load
