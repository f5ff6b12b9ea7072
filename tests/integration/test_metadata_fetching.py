"""Documents are had from strangers' servers, whatever these try; over real sockets."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.metadata.documents import REDIRECTS_MAX, HttpDocuments
from adapters.metadata.network import look_up
from curvetape.testing.strangers import HOST, Stranger, moved, said
from domain.document import DOCUMENT_BYTES_MAX, Answer, Fetched, Unfetched

SHORT_S = 0.5
"""Long enough for a server on this machine that answers at all."""


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with Stranger() as server:
        yield server


@asynccontextmanager
async def asking(server: Stranger, *, answer_s_max: float = 5.0) -> AsyncIterator[HttpDocuments]:
    async with HttpDocuments(
        connections_max=4,
        allowed=[(HOST, server.port)],
        look_up=server.look_up,
        answer_s_max=answer_s_max,
    ) as documents:
        yield documents


async def fetch(server: Stranger, address: str, *, answer_s_max: float = 5.0) -> Answer:
    async with asking(server, answer_s_max=answer_s_max) as documents:
        return await documents.fetch(address)


def reason(answer: Answer) -> tuple[str, bool]:
    assert isinstance(answer, Unfetched), answer
    return answer.failure, answer.passing


async def test_a_document_is_had_in_full_from_the_host_that_was_asked(stranger: Stranger) -> None:
    body = b"x" * DOCUMENT_BYTES_MAX
    address = stranger.answer("/a?b=%20c", said(body))
    assert await fetch(stranger, address) == Fetched(body)
    assert f"host: {HOST}:{stranger.port}\r\n" in stranger.heads[0].lower()


async def test_a_connection_serves_several_questions(stranger: Stranger) -> None:
    address = stranger.answer("/a", said(b"{}"))
    async with asking(stranger) as documents:
        answers = [await documents.fetch(address) for _ in range(3)]
    assert answers == [Fetched(b"{}")] * 3


@pytest.mark.parametrize(
    ("status", "passing"),
    [(404, False), (410, False), (403, False), (429, True), (408, True), (500, True), (504, True)],
)
async def test_a_refusal_says_whether_it_may_pass(
    stranger: Stranger, status: int, passing: bool
) -> None:
    answer = await fetch(stranger, stranger.answer("/a", said(b"no", status=status)))
    assert reason(answer) == ("status", passing)
    assert isinstance(answer, Unfetched)
    assert answer.http_status == status


async def test_a_document_that_says_it_is_too_long_is_not_read(stranger: Stranger) -> None:
    async def boasting(writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-length: {DOCUMENT_BYTES_MAX + 1}\r\n\r\n".encode()
        )
        await writer.drain()
        await asyncio.sleep(60)

    answer = await fetch(stranger, stranger.answer("/a", boasting))
    assert reason(answer) == ("too_large", False)


async def test_a_document_of_any_length_is_cut(stranger: Stranger) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    answer = await fetch(stranger, stranger.answer("/a", endless))
    assert reason(answer) == ("too_large", False)


async def test_a_header_of_any_length_is_cut(stranger: Stranger) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-header: " + b"x" * 60_000 + b"\r\n")
            await writer.drain()

    answer = await fetch(stranger, stranger.answer("/a", endless))
    assert reason(answer) == ("unreachable", True)


async def test_a_server_that_only_waits_is_given_up(stranger: Stranger) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    answer = await fetch(stranger, stranger.answer("/a", silent), answer_s_max=SHORT_S)
    assert reason(answer) == ("timeout", True)


async def test_a_server_that_sends_byte_by_byte_is_given_up(stranger: Stranger) -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    answer = await fetch(stranger, stranger.answer("/a", dripping), answer_s_max=SHORT_S)
    assert reason(answer) == ("timeout", True)


async def test_redirects_for_ever_are_given_up(stranger: Stranger) -> None:
    address = stranger.answer("/a", moved("/a"))
    assert reason(await fetch(stranger, address)) == ("redirects", False)
    assert stranger.asked["/a"] == REDIRECTS_MAX + 1


async def test_a_few_redirects_are_followed(stranger: Stranger) -> None:
    stranger.answer("/d", said(b"{}"))
    stranger.answer("/c", moved("d", status=307))
    stranger.answer("/b", moved(stranger.url + "/c", status=301))
    address = stranger.answer("/a", moved("//" + stranger.url.partition("//")[2] + "/b"))
    assert await fetch(stranger, address) == Fetched(b"{}")


@pytest.mark.parametrize(
    ("to", "failure"),
    [
        ("http://127.0.0.1/", "private"),
        ("http://127.1/", "private"),
        ("http://0x7f000001/", "private"),
        ("http://2130706433/", "private"),
        ("http://[::1]/", "private"),
        ("http://[::ffff:127.0.0.1]/", "private"),
        ("http://[64:ff9b::7f00:1]/", "private"),
        ("http://169.254.169.254/latest/meta-data/", "private"),
        ("https://localhost/", "private"),
        ("http://localhost:22/", "address"),
        ("http://8.8.8.8:8080/", "address"),
        ("http://user:secret@8.8.8.8/", "address"),
        ("file:///etc/passwd", "address"),
        ("gopher://8.8.8.8/", "address"),
        ("http://[::1/", "address"),
    ],
)
async def test_a_redirect_to_where_nobody_may_go_is_not_followed(
    stranger: Stranger, to: str, failure: str
) -> None:
    """Names are looked up by the system here, which also knows the odd ways to write addresses."""

    async def either(host: str, port: int) -> Sequence[str]:
        return await (stranger.look_up if host == HOST else look_up)(host, port)

    address = stranger.answer("/a", moved(to))
    async with HttpDocuments(
        connections_max=1, allowed=[(HOST, stranger.port)], look_up=either
    ) as documents:
        assert reason(await documents.fetch(address)) == (failure, False)


@pytest.mark.parametrize("found", [["10.0.0.7"], ["8.8.8.8", "127.0.0.1"], ["fd00::1"]])
async def test_a_name_with_a_private_address_is_not_asked(found: list[str]) -> None:
    async def look_up(host: str, port: int) -> Sequence[str]:
        return found

    async with HttpDocuments(connections_max=1, look_up=look_up) as documents:
        answer = await documents.fetch("http://innocent.example/a")
    assert reason(answer) == ("private", False)


async def test_a_name_is_looked_up_once_and_what_was_found_is_reached(stranger: Stranger) -> None:
    """A second answer, which nobody has checked, is never asked for."""
    found: list[list[str]] = [["127.0.0.1"], ["10.0.0.7"]]

    async def look_up(host: str, port: int) -> Sequence[str]:
        return found.pop(0)

    address = stranger.answer("/a", said(b"{}"))
    async with HttpDocuments(
        connections_max=1, allowed=[(HOST, stranger.port)], look_up=look_up
    ) as documents:
        assert await documents.fetch(address) == Fetched(b"{}")
    assert found == [["10.0.0.7"]]


async def test_what_is_allowed_is_the_host_with_its_port_and_no_other_name_for_it(
    stranger: Stranger,
) -> None:
    stranger.answer("/a", said(b"{}"))
    by_address = f"http://127.0.0.1:{stranger.port}/a"
    async with HttpDocuments(connections_max=1, allowed=[(HOST, stranger.port)]) as documents:
        assert reason(await documents.fetch(by_address)) == ("address", False)
    async with HttpDocuments(
        connections_max=1, allowed=[("127.0.0.1", stranger.port)]
    ) as documents:
        assert await documents.fetch(by_address) == Fetched(b"{}")


async def test_a_name_that_nobody_knows_and_a_closed_port_may_pass(stranger: Stranger) -> None:
    async with HttpDocuments(
        connections_max=1, allowed=[("127.0.0.1", 1)], look_up=stranger.look_up
    ) as documents:
        assert reason(await documents.fetch("http://gone.example/")) == ("unreachable", True)
    async with HttpDocuments(connections_max=1, allowed=[("127.0.0.1", 1)]) as documents:
        assert reason(await documents.fetch("http://127.0.0.1:1/")) == ("unreachable", True)


@pytest.mark.parametrize("sent", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_a_server_that_speaks_no_http_or_hangs_up_may_pass(
    stranger: Stranger, sent: bytes
) -> None:
    async def broken(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        raise ConnectionError("it hangs up")

    answer = await fetch(stranger, stranger.answer("/a", broken))
    assert reason(answer) == ("unreachable", True)


async def test_what_was_packed_against_our_wish_is_unpacked(stranger: Stranger) -> None:
    for coding, body in (("gzip", gzip.compress(b"{}")), ("deflate", zlib.compress(b"{}"))):
        headers = {"content-encoding": coding}
        address = stranger.answer("/a", said(body, headers=headers))
        assert await fetch(stranger, address) == Fetched(b"{}")


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut(stranger: Stranger) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < DOCUMENT_BYTES_MAX
    headers = {"content-encoding": "gzip"}
    answer = await fetch(stranger, stranger.answer("/a", said(bomb, headers=headers)))
    assert reason(answer) == ("too_large", False)


@pytest.mark.parametrize(("coding", "body"), [("br", b"{}"), ("gzip", b"no gzip")])
async def test_what_cannot_be_unpacked_is_refused(
    stranger: Stranger, coding: str, body: bytes
) -> None:
    headers = {"content-encoding": coding}
    answer = await fetch(stranger, stranger.answer("/a", said(body, headers=headers)))
    assert reason(answer) == ("not_json", False)


async def test_a_certificate_has_to_be_that_of_the_name_though_an_address_is_reached(
    tmp_path: Path,
) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate(tmp_path, HOST))
    async with Stranger(tls=serving) as stranger:
        address = stranger.answer("/a", said(b"{}"))
        trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        other = address.replace(HOST, "other.example")

        async def anybody(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"]

        async with HttpDocuments(
            connections_max=1,
            allowed=[(HOST, stranger.port), ("other.example", stranger.port)],
            look_up=anybody,
            tls=trusting,
        ) as documents:
            assert await documents.fetch(address) == Fetched(b"{}")
            assert reason(await documents.fetch(other)) == ("unreachable", True)
        async with asking(stranger) as documents:
            assert reason(await documents.fetch(address)) == ("unreachable", True), "nobody signed"


def certificate(folder: Path, host: str) -> Path:
    """A certificate that signs itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
