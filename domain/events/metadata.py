"""What was found behind the `uri` of a token, read once, so that nobody has to read it again."""

from typing import ClassVar, Literal, TypeAlias

from domain.events.base import Event

MetadataFailure: TypeAlias = Literal[
    "address", "private", "unreachable", "timeout", "status", "redirects", "too_large", "not_json"
]
"""Why there is no metadata, see `docs/metadata.md`."""


class TokenDescribed(Event, frozen=True, kw_only=True, gc=False, tag="token.described"):
    """The document behind a token's `uri` was read, or could not be had.

    Its id is `described:<mint>:<attempt>`, its `pos` that of the `token.created` that it answers.
    It counts at once, and no slot takes it back. The texts are the creator's, without control
    characters, and no longer than `docs/metadata.md` says; whoever shows a link checks it.
    """

    subject_root: ClassVar = "pump.token.described"

    mint: str
    uri: str
    """As in `token.created`."""
    attempt: int
    """1 for the first one; later ones follow a failure that may pass."""
    created_sequence: int
    """Where the log holds the `token.created` that this answers."""
    complete_until: int
    """Up to this sequence each `token.created` that counts had got its last word in the log when
    this was made: where a resolver goes on after a restart."""
    description: str | None = None
    image: str | None = None
    twitter: str | None = None
    telegram: str | None = None
    website: str | None = None
    failure: MetadataFailure | None = None
    """Why nothing was had; None where the document was read, whatever was in it."""
    http_status: int | None = None
    """The answer's status, where `failure` is `status`."""
    detail: str | None = None
    """What was wrong, in a sentence."""
    final: bool = True
    """False where another attempt follows."""
    document_bytes: int | None = None
    """How long the document is; None where it was not read to its end."""
    document_sha256: str | None = None

    @property
    def subject(self) -> str:
        """The subject that the event is logged under, ending in the token's mint."""
        return f"{self.subject_root}.{self.mint}"
