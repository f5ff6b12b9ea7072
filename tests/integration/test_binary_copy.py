"""What is copied as bytes is what PostgreSQL reads."""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import numpy as np
import pyarrow as pa

from adapters.postgres.binary_copy import copied, fixed, numerics, rows_of, texts

VALUES = (0, 1, 9_999, 10_000, 10_001, 123_456_789_000_000_000, (1 << 63) - 1)


async def test_integers_of_64_bits_and_texts_are_read_as_they_are(postgres_dsn: str) -> None:
    names = [f"number {value}" for value in VALUES]
    rows = rows_of(2, fixed(numerics(np.array(VALUES, np.int64))), *texts(pa.array(names)))

    async def parts() -> AsyncIterator[bytes]:
        for part in copied([rows]):
            yield part

    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute("create temp table read (value numeric, name text)")
        await connection.copy_to_table("read", source=parts(), format="binary")
        found = await connection.fetch("select value, value::text as text, name from read")
    finally:
        await connection.close()
    assert [tuple(row) for row in found] == [
        (Decimal(value), str(value), name) for value, name in zip(VALUES, names, strict=True)
    ]
