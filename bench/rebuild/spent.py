"""What a server spends, with all the processes that it starts."""

import contextlib
import time

import psutil  # type: ignore[import-untyped]  # it ships no types

QUIET_S = 0.5
"""A process that has ended counts once its parent has noticed."""


class Spent:
    """A server's CPU time; processes of its own that have ended count as well."""

    def __init__(self, pid: int) -> None:
        self._server = psutil.Process(pid)

    def cpu_s(self) -> float:
        """Seconds of CPU up to now; waits a little."""
        time.sleep(QUIET_S)
        own = self._server.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self._server.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended just now
                times = child.cpu_times()
                total += times.user + times.system
        return float(total)
