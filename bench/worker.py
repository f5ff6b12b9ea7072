"""A side of a benchmark in a process of its own, which waits while the other side runs."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS_MAX = 10


class WorkerError(RuntimeError):
    """A side's process ended early or answered with something that is not JSON."""

    def __init__(self, command: Sequence[str], answer: str) -> None:
        shown = answer.strip() or "nothing: the process has ended, its own message is above"
        super().__init__(f"{' '.join(command)} should have answered with JSON, was: {shown}")
        self.command = command
        self.answer = answer


class Worker:
    """A process that answers each JSON line on stdin with one on stdout.

    Both sides of a benchmark are driven the same way and read the same input file; a side that
    waits for its next line uses no CPU.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self, question: dict[str, object]) -> Any:
        """The answer to one question; `WorkerError` when the process is gone."""
        assert self._process.stdin is not None, "opened as a pipe"
        assert self._process.stdout is not None, "opened as a pipe"
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(self._command, "") from error
        line = self._process.stdout.readline()
        try:
            return json.loads(line)
        except json.JSONDecodeError as error:
            raise WorkerError(self._command, line) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        assert self._process.stdout is not None, "opened as a pipe"
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
