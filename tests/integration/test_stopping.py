"""A command ends when it is told to: at its start, at work, and at once when told twice."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from curvetape.testing.product import Product

PROGRAM = """
import asyncio
from curvetape.cli.common import run, until_stopped

async def work(ignored=None):
    print("at work", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaning up", flush=True)
        await asyncio.sleep({cleaning_s})
        print("clean", flush=True)

run({work})
"""
OBEDIENT = "lambda stop: until_stopped(stop, work())"
DEAF = "work"
WAIT_S_MAX = 10


@contextmanager
def command(work: str, *, cleaning_s: float = 0.0) -> Iterator["subprocess.Popen[str]"]:
    """The program, once it is at work."""
    program = PROGRAM.format(work=work, cleaning_s=cleaning_s)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            yield process
        finally:
            process.kill()


def test_one_signal_ends_the_work_after_its_clean_up() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with command(OBEDIENT) as process:
            process.send_signal(number)
            assert process.communicate(timeout=WAIT_S_MAX)[0] == "cleaning up\nclean\n"
            assert process.returncode == 0


def test_the_same_signal_by_two_ways_is_one() -> None:
    with command(OBEDIENT, cleaning_s=0.3) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=WAIT_S_MAX)[0] == "cleaning up\nclean\n"
        assert process.returncode == 0


def test_a_later_signal_waits_for_nothing_more() -> None:
    with command(OBEDIENT, cleaning_s=60) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(1.2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=WAIT_S_MAX)[0] == "cleaning up\n"
        assert process.returncode == 130


def test_work_that_does_not_look_at_the_event_is_ended_by_the_second_signal() -> None:
    with command(DEAF) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(1.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=WAIT_S_MAX)[0] == "cleaning up\nclean\n"
        assert process.returncode == 130


def test_up_can_be_stopped_in_the_middle_of_its_start(server_folder: Path) -> None:
    product = Product(server_folder)
    product.start()
    while "data and logs are in" not in product.output:
        time.sleep(0.02)
    time.sleep(0.3)  # into the start of the servers
    assert product.stop() == 0
    assert "look at http" not in product.output
    assert product.output.splitlines()[-1].endswith("everything that was acknowledged is on disk")
    left = [it.info["cmdline"] for it in psutil.process_iter(["cmdline"])]
    assert not [line for line in left if str(server_folder) in " ".join(line or ())]
