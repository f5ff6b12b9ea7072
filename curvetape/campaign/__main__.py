"""`python -m curvetape.campaign`: one seed explained, or many of them counted."""

import asyncio
import os
import tempfile
from pathlib import Path

import click
import msgspec

from curvetape.campaign.many import Result, run_many
from curvetape.campaign.running import Outcome, run
from curvetape.campaign.schedule import chain_of, schedule
from curvetape.testing.servers import nats_in

TOLD_EVERY = 25
"""Schedules between two lines of progress."""

EPILOG = """\b
Examples:
  python -m curvetape.campaign 4711
  python -m curvetape.campaign --seeds 0-9999 --jobs 2 --result campaign.json"""


def _range(_: click.Context, __: click.Parameter, text: str | None) -> range | None:
    if text is None:
        return None
    first, _dash, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise click.BadParameter(f"it was {text!r}; write the first and the last seed, as in 0-99")
    return range(int(first), int(last) + 1)


@click.command(epilog=EPILOG)
@click.argument("seed", type=click.IntRange(min=0), required=False)
@click.option("--seeds", callback=_range, help="Run these instead, as in 0-9999.")
@click.option("--jobs", type=click.IntRange(1, 64), default=os.cpu_count(), help="Processes.")
@click.option("--result", type=click.Path(dir_okay=False, path_type=Path), help="File for JSON.")
def command(seed: int | None, seeds: range | None, jobs: int, result: Path | None) -> None:
    """Run schedules of faults and compare what ingest made of them with the truth.

    With a SEED alone its schedule is printed, what was said, and what is wrong. Exit code 1 if
    anything is.
    """
    if (seed is None) == (seeds is None):
        raise click.UsageError("give one seed, or --seeds FIRST-LAST")
    if seed is not None:
        raise SystemExit(asyncio.run(_explain(seed)))
    assert seeds is not None
    total = asyncio.run(run_many(seeds, jobs=jobs, done=lambda *each: _tell(seeds, *each)))
    if result is not None:
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_bytes(msgspec.json.format(msgspec.json.encode(total)) + b"\n")
    click.echo(f"{total.sentence()}; {total.seconds:,.0f} s, {jobs} processes")
    raise SystemExit(bool(total.failed))


async def _explain(seed: int) -> bool:
    plan = schedule(seed, chain_of(seed))
    for number, faults in enumerate(plan.script.endpoints, 1):
        click.echo(f"endpoint {number}: {', '.join(map(repr, faults)) or 'nothing wrong'}")
    click.echo(f"node: {'there' if plan.script.node else 'none'} {[*plan.rpc_faults]}")
    click.echo(f"unobtainable: {sorted(plan.script.unobtainable)}")
    click.echo(f"disruptions: {[*plan.disruptions]}{', by kill -9' if plan.is_killed else ''}")
    click.echo(f"share of transactions that nobody can decode: {plan.unknown_share:.3f}")
    with tempfile.TemporaryDirectory(prefix="curvetape-") as folder:
        async with nats_in(Path(folder) / "nats") as nats:
            outcome = await run(seed, nats)
    for line in outcome.said:
        click.echo(f"  {line}")
    click.echo(repr(outcome.verdict))
    for problem in outcome.problems:
        click.echo(f"PROBLEM: {problem}")
    click.echo(f"{outcome.seconds:.2f} s: {'something is wrong' if outcome.problems else 'right'}")
    return bool(outcome.problems)


def _tell(seeds: range, outcome: Outcome, total: Result) -> None:
    for problem in outcome.problems:
        click.echo(f"seed {outcome.seed}: {problem}")
    if total.runs % TOLD_EVERY == 0 or total.runs == len(seeds):
        rate = total.runs / max(total.seconds, 0.1)
        left_s = (len(seeds) - total.runs) / rate
        click.echo(
            f"{total.runs:,} of {len(seeds):,}, {total.failed:,} failed: {rate:.1f}/s, "
            f"{left_s:,.0f} s to go"
        )


if __name__ == "__main__":
    command()
