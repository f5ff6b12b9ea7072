"""An archive in an object store: S3 and what speaks its protocol, Google's and Azure's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from domain.archive import (
    AlreadySealedError,
    ArchiveDamagedError,
    ArchiveError,
    ArchiveUnavailableError,
)

ANSWER_WAIT_S_MAX = 60.0
RETRIES_MAX = 5
RETRY_S_MAX = 120.0


class ObjectArchiveStore:
    """Fits `domain.archive.ArchiveStore`.

    Credentials come from the environment, as the store's own tools have them. Options may stand
    in the address's query, as in `s3://bucket/prefix?endpoint=http://127.0.0.1:9000`.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._address = urlunsplit(parts._replace(query="", fragment=""))
        options = dict(parse_qsl(parts.query))
        plain = options.get("endpoint", "").startswith("http://")
        client: Any = {"timeout": timedelta(seconds=ANSWER_WAIT_S_MAX), "allow_http": plain}
        retry: Any = {
            "max_retries": RETRIES_MAX,
            "retry_timeout": timedelta(seconds=RETRY_S_MAX),
            "backoff": {},
        }
        config: Any = options
        try:
            self._store: Any = from_url(
                self._address, config=config, client_options=client, retry_config=retry
            )
        except (BaseError, ValueError) as error:
            raise ArchiveError(f"{self._address} is no archive's address: {error}") from error

    @property
    def address(self) -> str:
        """The address without its query."""
        return self._address

    def names(self, folder: str) -> Sequence[str]:
        """The names of all objects below the folder, sorted."""
        try:
            pages = obstore.list(self._store, prefix=folder)
            return sorted(each["path"] for page in pages for each in page)
        except BaseError as error:
            raise self._unavailable("was not listed", error) from error

    def read(self, name: str) -> memoryview:
        """An object's bytes."""
        try:
            return memoryview(obstore.get(self._store, name).bytes())
        except FileNotFoundError as error:
            raise ArchiveDamagedError(name, "is missing") from error
        except BaseError as error:
            raise self._unavailable(f"gave no {name}", error) from error

    def put_new(self, name: str, content: bytes) -> None:
        """Write an object that must not exist yet: the store itself refuses a second one."""
        try:
            obstore.put(self._store, name, content, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            raise AlreadySealedError(name) from error
        except BaseError as error:
            raise self._unavailable(f"took no {name}", error) from error

    def put(self, name: str, content: bytes) -> None:
        """Write an object, whether or not it exists."""
        try:
            obstore.put(self._store, name, content)
        except BaseError as error:
            raise self._unavailable(f"took no {name}", error) from error

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Nothing is locked: of two sealers the store refuses the second one's manifest."""
        yield

    def _unavailable(self, what: str, error: Exception) -> ArchiveUnavailableError:
        first = str(error).partition("\n")[0]
        return ArchiveUnavailableError(f"the archive {self._address} {what}: {first}")
