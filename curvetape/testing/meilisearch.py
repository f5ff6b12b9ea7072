"""A Meilisearch for tests: a real one where one is given, else what a real one once answered.

`CURVETAPE_TEST_MEILI_URL` names a server for the same tests, `CURVETAPE_TEST_MEILI_KEY` its key.
With `CURVETAPE_TEST_MEILI_RECORDING=1` its answers replace the recording, which begins with the
server's version; run all tests that use it at once then. Nothing in it is written by hand.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from projections.index_comparison import HeldDocument
from projections.indexing import Changed, ChangedDocument, IndexPlace
from projections.reads import FoundToken

RECORDING = Path(__file__).parents[2] / "tests" / "fixtures" / "meilisearch" / "exchanges.jsonl"
URL, KEY = "CURVETAPE_TEST_MEILI_URL", "CURVETAPE_TEST_MEILI_KEY"
RECORD = "CURVETAPE_TEST_MEILI_RECORDING"
ANSWER_WAIT_S_MAX = 30.0
PREFIXES = (
    "contract",
    "compared",
    "described",
    "exact",
    "older",
    "moved",
    "swept",
    "lost",
    "failing",
    "refusing",
    "served",
)
"""Of the indexes that tests make, one for each test that writes."""


class Exchange(msgspec.Struct, frozen=True):
    """A request, and what the server answered."""

    asked: str
    """Method, path and body in a line of text."""
    status: int
    answer: Any


class Server(msgspec.Struct, frozen=True):
    """Where it is."""

    url: str
    key: str | None


class MemoryDocuments:
    """Fits `projections.indexing.Documents`: what a read model would have, by hand."""

    def __init__(self, tokens: Sequence[FoundToken] = (), *, generation: str = "first") -> None:
        self.generation = generation
        self.sequence = 1
        self.rows = {
            each.mint: ChangedDocument(tick=tick, token=each)
            for tick, each in enumerate(sorted(tokens, key=lambda it: it.mint), start=1)
        }

    def change(self, *tokens: FoundToken, tick: int) -> None:
        """Let documents change in a save."""
        self.rows |= {each.mint: ChangedDocument(tick=tick, token=each) for each in tokens}
        self.sequence += 1

    async def after(self, place: IndexPlace | None, *, limit: int) -> Changed | None:
        """What changed since a place, all of it where that is of another generation."""
        if place is None or place.generation != self.generation:
            place = IndexPlace(generation=self.generation)
        behind = (place.tick, place.mint)
        rows = sorted(self.rows.values(), key=lambda it: (it.tick, it.token.mint))
        found = [it for it in rows if (it.tick, it.token.mint) > behind][:limit]
        return Changed(
            generation=self.generation,
            sequence=self.sequence,
            documents=found,
            complete=len(found) < limit,
        )


class MemoryIndex:
    """Fits `projections.indexing.TokenIndex` and `projections.index_comparison.ComparedIndex`."""

    def __init__(self) -> None:
        self.documents: dict[str, HeldDocument] = {}
        self.at: IndexPlace | None = None

    async def prepare(self) -> None:
        """It needs no settings."""

    async def place(self) -> IndexPlace | None:
        """Up to where it holds the documents; None for a new index."""
        return self.at

    async def write(self, generation: str, documents: Sequence[ChangedDocument]) -> None:
        """Write documents, but over no newer one of the generation."""
        for each in documents:
            there = self.documents.get(each.token.mint)
            if there is None or there.generation != generation or there.tick <= each.tick:
                made = HeldDocument(generation=generation, tick=each.tick, token=each.token)
                self.documents[each.token.mint] = made

    async def keep_only(self, generation: str) -> None:
        """Remove the documents of all other generations."""
        self.documents = {k: it for k, it in self.documents.items() if it.generation == generation}

    async def move(self, place: IndexPlace, *, seen: IndexPlace | None) -> None:
        """Note a place."""
        assert self.at == seen, "there is one writer"
        self.at = place

    async def held(self, mints: Sequence[str]) -> dict[str, HeldDocument]:
        """The documents of these mints, as far as there are any."""
        return {mint: self.documents[mint] for mint in mints if mint in self.documents}

    async def mints(self, offset: int, *, limit: int) -> Sequence[str]:
        """The mints of some of all documents."""
        return sorted(self.documents)[offset : offset + limit]

    async def remove(self, mints: Sequence[str]) -> None:
        """Remove the documents of these mints."""
        for mint in mints:
            del self.documents[mint]


@pytest.fixture(scope="session")
def meili_server() -> Iterator[Server]:
    """A server without the indexes of tests."""
    url, key = os.environ.get(URL), os.environ.get(KEY)
    if url is None:
        with _served(_Replayed(_recorded())) as address:
            yield Server(address, None)
        return
    for prefix in PREFIXES:
        for index in ("tokens", "places"):
            _ask(url, key, "DELETE", f"/indexes/{prefix}-{index}", b"")
    if RECORD not in os.environ:
        yield Server(url, key)
        return
    recorder = _Recorder(url, key)
    with _served(recorder) as address:
        yield Server(address, None)
    recorder.save()


class _Replayed:
    """Answers each request as it was answered, again and again with the last of its answers."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._answers: dict[str, list[Exchange]] = {}
        for each in exchanges:
            self._answers.setdefault(each.asked, []).append(each)

    def answer(self, method: str, path: str, body: bytes) -> Exchange:
        """What was recorded; a problem for what was never asked."""
        asked = _line(method, path, body)
        left = self._answers.get(asked)
        if left is None:
            said = {"message": f"not in {RECORDING.name}: {asked}", "code": "unrecorded"}
            return Exchange(asked, HTTPStatus.INTERNAL_SERVER_ERROR, said)
        return left.pop(0) if len(left) > 1 else left[0]


class _Recorder:
    """Hands each request on to a real server, and keeps what it answers."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._key = key
        self._kept: list[Exchange] = []
        self.answer("GET", "/version", b"")

    def answer(self, method: str, path: str, body: bytes) -> Exchange:
        """What the real server says."""
        status, answer = _ask(self._url, self._key, method, path, body)
        found = Exchange(_line(method, path, body), status, answer)
        if path.startswith("/tasks/"):  # only how a task ended matters
            self._kept = [each for each in self._kept if each.asked != found.asked]
        self._kept.append(found)
        return found

    def save(self) -> None:
        """Replace the recording."""
        RECORDING.parent.mkdir(parents=True, exist_ok=True)
        RECORDING.write_bytes(msgspec.json.Encoder().encode_lines(self._kept))


def _recorded() -> list[Exchange]:
    return msgspec.json.Decoder(Exchange).decode_lines(RECORDING.read_bytes())


def _line(method: str, path: str, body: bytes) -> str:
    return f"{method} {path} {body.decode()}".strip()


def _ask(url: str, key: str | None, method: str, path: str, body: bytes) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"} if body else {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    address = url.rstrip("/") + path
    request = Request(address, body or None, headers, method=method)  # noqa: S310  # as given
    try:
        with urlopen(request, timeout=ANSWER_WAIT_S_MAX) as answer:  # noqa: S310  # see above
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


@contextmanager
def _served(answers: _Replayed | _Recorder) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = answers.answer(self.command, self.path, body)
            content = json.dumps(found.answer).encode()
            self.send_response(found.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815  # the names it wants

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
