"""The embedded NATS server, with JetStream on disk."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.embedded import wheels
from adapters.embedded.ports import HOST, free_port
from adapters.embedded.server import EmbeddedServer
from adapters.jetstream.monitoring import MonitoringError, ailment


class NatsServer(EmbeddedServer):
    """nats-server from its wheel, configured by a file; see `EmbeddedServer` for the rest.

    `config` is `nats/server.conf` or one like it; the addresses given here take the place of the
    file's own, and `$NATS_STORE_DIR` in it is the server's folder.
    """

    name = "nats-server"

    def __init__(self, data_dir: Path, *, config: Path, port: int = 0) -> None:
        super().__init__(data_dir, port=port)
        self._config = config.absolute()
        self._monitor_port = free_port() if port else 0

    @property
    def url(self) -> str:
        """Where clients connect to, as in `nats://127.0.0.1:4222`."""
        return f"nats://{HOST}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """Where `/varz` and `/healthz` are served, as in `http://127.0.0.1:8222`."""
        return f"http://{HOST}:{self._monitor_port}"

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self._monitor_port = free_port()

    def _ports(self) -> Sequence[int]:
        return [self.port, self._monitor_port]

    def _command(self) -> Sequence[str]:
        addresses = ["--addr", HOST, "--port", str(self.port), "-m", str(self._monitor_port)]
        return [str(wheels.nats_server()), "--config", str(self._config), *addresses]

    def _environment(self) -> Mapping[str, str]:
        return {"NATS_STORE_DIR": json.dumps(str(self.data_dir / "store"))}  # read as a value

    async def ailing(self) -> str | None:
        """What it says of itself: after a failed write, on a full disk, it takes no more."""
        try:
            return await ailment(self.monitor_url)
        except MonitoringError:
            return None  # busy, or gone, which is seen without asking

    async def _answers(self) -> bool:
        try:
            return await ailment(self.monitor_url) is None
        except MonitoringError:
            return False
