"""Fills an empty table of SOL's prices."""

from typing import ClassVar

from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.staged_load import Parts, StagedLoad

_TABLE = SolPriceStore.tables[0]
_WHOLE = f"""
    select distinct on (pos) {", ".join(_TABLE.columns)} from parts
    order by pos, publish_time_s desc, posted_slot desc, account desc
"""  # noqa: S608  # names of columns only


class SolPriceLoad(StagedLoad):
    """Fills SOL's prices; of those in one place the one of the higher rank counts."""

    name: ClassVar = SolPriceStore.name
    table: ClassVar = _TABLE
    parts: ClassVar = (Parts(_TABLE, _WHOLE),)
