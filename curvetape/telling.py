"""Letters of projections to `DEAD`; the appender is opened for the first of them."""

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from curvetape.appending import appender
from curvetape.config import Settings
from domain.log import Entry


class Teller:
    """Appends letters; who never has one to write needs no rights to."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._appender: JetStreamAppender | None = None

    async def tell(self, letter: Entry) -> None:
        """Append a letter, once; raises `LogError`."""
        if self._appender is None:
            self._appender = await appender(self._connection, self._settings, "DEAD")
        await self._appender.append([letter])

    def close(self) -> None:
        """Give back what the appender holds."""
        if self._appender is not None:
            self._appender.close()
