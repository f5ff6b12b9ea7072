"""The tutorial's read model is built exactly as its page says, and does what the page says."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from curvetape.testing.checkout import ROOT
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.log import LiveLog, entries
from domain.events import AnyEvent

PAGE = (ROOT / "docs" / "tutorial-projection.md").read_text()
HOUR_S = 3_600
EVENTS: list[AnyEvent] = [
    created(1, "a"),
    *(curve_traded(slot, "a") for slot in range(2, 40)),
    created(50, "b"),
    created(60, "c", block_time_s=GENESIS_S + HOUR_S),
]


def written(folder: Path) -> list[str]:
    """Write the page's files into a folder; the commands that it says to run."""
    files = re.findall(r"^`([\w.]+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for name, text in files:
        (folder / name).write_text(text)
    assert len(files) == PAGE.count("```python"), "every piece of code is a whole file"
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.split("\n")
    ]


async def shell(folder: Path, script: str, settings: Mapping[str, str]) -> tuple[int, str]:
    """Run commands as in a shell whose environment is activated; stops at the first that fails."""
    called = f'python() {{ "{sys.executable}" "$@"; }}\ncurvetape() {{ python -m curvetape "$@"; }}'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", f"{called}\n{script}"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def settings_of(live_log: LiveLog, dsn: str) -> dict[str, str]:
    return {
        "CURVETAPE_NATS_URL": live_log.server.url,
        "CURVETAPE_NATS_MONITOR_URL": live_log.server.monitor_url,
        "CURVETAPE_POSTGRES_DSN": dsn,
    }


async def rows(dsn: str) -> list[tuple[int, int]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(it) for it in await connection.fetch("table launches_per_hour order by 1")]
    finally:
        await connection.close()


async def test_the_tutorials_read_model_runs_is_equal_to_a_replay_and_counts_once(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    commands = written(tmp_path)
    await live_log.appender.append(entries(EVENTS))
    settings = settings_of(live_log, postgres_dsn)
    code, said = await shell(tmp_path, "\n".join(commands), settings)
    assert code == 0, said
    assert "2 passed" in said
    assert "equal: launches_per_hour" in said
    assert "launches_per_hour is served from its new generation" in said
    hour_s = GENESIS_S // HOUR_S * HOUR_S
    expected = [(hour_s, 2), (hour_s + HOUR_S, 1)]
    assert await rows(postgres_dsn) == expected
    code, said = await shell(tmp_path, "\n".join(commands), settings)
    assert code == 0, said
    assert await rows(postgres_dsn) == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            ('{"start_s": "bigint",', '{"start_s": "bigint", "more": "bigint",'),
            "other columns than",
        ),
        (("version: ClassVar = 1", "version: ClassVar = 2"), "its rows are of version 1"),
    ],
)
async def test_a_changed_declaration_is_refused_until_it_is_rebuilt(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    registering = "export PYTHONPATH=$PWD:$PYTHONPATH CURVETAPE_PROJECTIONS="
    registering += "launches_per_hour:launches_per_hour\n"
    written(tmp_path)
    await live_log.appender.append(entries(EVENTS))
    settings = settings_of(live_log, postgres_dsn)
    assert (await shell(tmp_path, f"{registering}curvetape project --once", settings))[0] == 0
    module = tmp_path / "launches_per_hour.py"
    module.write_text(module.read_text().replace(*change))
    code, said = await shell(tmp_path, f"{registering}curvetape project --once", settings)
    assert code == 1
    assert reason in said
    text = module.read_text().replace("version: ClassVar = 1", "version: ClassVar = 2")
    module.write_text(
        text.replace("\n    launches: int\n", "\n    launches: int\n    more: int | None = None\n")
    )
    code, said = await shell(
        tmp_path,
        f"{registering}curvetape projections rebuild launches_per_hour\n"
        "curvetape project --once\ncurvetape projections verify launches_per_hour",
        settings,
    )
    assert code == 0, said


async def test_a_read_model_that_never_ran_is_not_compared_and_not_rebuilt(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    written(tmp_path)
    await live_log.appender.append(entries(EVENTS))
    settings = settings_of(live_log, postgres_dsn)
    assert (await shell(tmp_path, "curvetape project --once", settings))[0] == 0
    registered = {
        **settings,
        "CURVETAPE_PROJECTIONS": "launches_per_hour:launches_per_hour",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    code, said = await shell(tmp_path, "curvetape projections verify launches_per_hour", registered)
    assert (code, "it has not begun" in said) == (3, True), said
    code, said = await shell(
        tmp_path, "curvetape projections rebuild launches_per_hour", registered
    )
    assert (code, "has not begun, so there is nothing to rebuild" in said) == (1, True), said
