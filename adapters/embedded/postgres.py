"""The embedded PostgreSQL server."""

import os
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from adapters.embedded import wheels
from adapters.embedded.account import let_through, unprivileged
from adapters.embedded.errors import NotReadyError
from adapters.embedded.ports import HOST
from adapters.embedded.process import Account, ended, kill_group, spawn, tail
from adapters.embedded.server import EmbeddedServer

USER = "curvetape"
DATABASE = "curvetape"
INITDB_WAIT_S_MAX = 60.0
CONNECT_WAIT_S_MAX = 2.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_compression": "pglz",
    "timezone": "UTC",
    "logging_collector": "off",
    "log_min_messages": "warning",
}
"""Given on the command line, so that a folder of last year runs with today's settings."""


_NOT_YET = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""How a server answers that is starting, or dies while it starts."""


class PostgresServer(EmbeddedServer):
    """PostgreSQL from its wheel, on 127.0.0.1 only; see `EmbeddedServer` for the rest.

    The folder holds the cluster in `data/` and the password of the one role, which is made up at
    the first start, in `password`. As root, which PostgreSQL refuses, the server runs under the
    account that owns `data/`; see `account.unprivileged`.
    """

    name = "postgres"
    ending = signal.SIGINT  # its fast shutdown: SIGTERM would wait for every client to leave

    @property
    def url(self) -> str:
        """The DSN of the `curvetape` database, for asyncpg or libpq."""
        return self.dsn(DATABASE)

    def dsn(self, database: str) -> str:
        """The DSN of any database of this server."""
        password = self._password_file.read_text().strip()
        return f"postgresql://{USER}:{password}@{HOST}:{self.port}/{database}?sslmode=disable"

    @property
    def _data(self) -> Path:
        return self.data_dir / "data"

    @property
    def _password_file(self) -> Path:
        return self.data_dir / "password"

    def _account(self) -> Account | None:
        return unprivileged(self._data)

    async def _prepare(self) -> None:
        if os.geteuid() == 0:
            let_through(self._data)
            let_through(wheels.postgres("postgres"))
        if self._data.exists():
            self._forget_dead_postmaster()
        else:
            await self._initdb()

    def _forget_dead_postmaster(self) -> None:
        """Remove a `postmaster.pid` whose number now belongs to some other program.

        PostgreSQL sees for itself that a process is gone, but takes any living one of that
        number for a postmaster, which after a container's restart it seldom is.
        """
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = pid_file.read_text().partition("\n")[0].strip()
        command = Path("/proc") / pid / "comm"
        if pid.isdecimal() and command.exists() and command.read_text().strip() != "postgres":
            pid_file.unlink()

    async def _initdb(self) -> None:
        """Make the cluster beside its place and move it there, so that none is ever half made."""
        account = self._account()
        making = self.data_dir / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        password = making.with_name("password.making")
        shutil.copy(self._password_file, password)
        if account is not None:
            os.chown(making, account.uid, account.gid)
            os.chown(password, account.uid, account.gid)
        access = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}"]
        text = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        process = spawn(
            [str(wheels.postgres("initdb")), f"--pgdata={making}", *access, *text],
            log=self.log,
            ending=signal.SIGKILL,
            account=account,
        )
        try:
            if not await ended(process, wait_s_max=INITDB_WAIT_S_MAX):
                what = f"did not finish within {INITDB_WAIT_S_MAX:g} s"
                raise NotReadyError("initdb", what, self.log, tail(self.log))
            if process.returncode != 0:
                what = f"ended with code {process.returncode}"
                raise NotReadyError("initdb", what, self.log, tail(self.log))
        finally:
            kill_group(process)
            password.unlink()
        making.rename(self._data)

    def _command(self) -> Sequence[str]:
        settings = [part for item in SETTINGS.items() for part in ("-c", "=".join(item))]
        program = str(wheels.postgres("postgres"))
        return [program, "-D", str(self._data), "-p", str(self.port), *settings]

    async def _answers(self) -> bool:
        try:
            connection = await self._connect()
        except _NOT_YET:
            return False
        await connection.close()
        return True

    async def _started(self) -> None:
        connection = await self._connect()
        try:
            known = await connection.fetchval(
                "select 1 from pg_database where datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f"create database {DATABASE}")
        finally:
            await connection.close()

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(self.dsn("postgres"), timeout=CONNECT_WAIT_S_MAX)
