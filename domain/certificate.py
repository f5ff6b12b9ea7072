"""How a slot's certificate is computed, so that anyone can compute it again from the log."""

import hashlib
from collections.abc import Iterable

import msgspec

from domain.events import SlotConfirmed, encode


def transactions_digest(signatures: Iterable[bytes]) -> str:
    """SHA-256 over 64-byte signatures one after the other, in the block's order; hexadecimal."""
    digest = hashlib.sha256()
    for signature in signatures:
        digest.update(signature)
    return digest.hexdigest()


def payload_digest(payload: bytes) -> bytes:
    """SHA-256 of an event as the log holds it, byte for byte."""
    return hashlib.sha256(payload).digest()


def events_digest(payload_digests: Iterable[bytes]) -> str:
    """SHA-256 over the digests of a slot's events, in the order of `(pos, id)`; hexadecimal."""
    return hashlib.sha256(b"".join(payload_digests)).hexdigest()


def certificate_hash(certificate: SlotConfirmed) -> str:
    """SHA-256 of the certificate as the log holds it, but with an empty `hash`; hexadecimal."""
    return hashlib.sha256(encode(msgspec.structs.replace(certificate, hash=""))).hexdigest()


def sealed(certificate: SlotConfirmed) -> SlotConfirmed:
    """The certificate with its hash, whatever it had there before."""
    return msgspec.structs.replace(certificate, hash=certificate_hash(certificate))
