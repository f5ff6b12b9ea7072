"""Compares an index of tokens with the search read model's documents, and mends what differs."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from projections.audit.model_report import Difference, ModelReport, RowDifference, TableReport
from projections.indexing import ChangedDocument, IndexPlace
from projections.reads import FoundToken

NAME = "search index"
PAGE_MAX = 1_000
"""Documents that are compared at a time."""

_NEVER_WRITTEN = "nothing was written to it yet; `curvetape project` does"
_ANOTHER = (
    "it is of another generation of the read model; `curvetape project` is about to write it anew"
)


class HeldDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the index."""

    generation: str
    tick: int
    token: FoundToken
    intact: bool = True
    """Whether all that is derived from the token, to be searched, is as it would be written."""


class ComparedDocuments(Protocol):
    """The read model's side; everything may raise `ReadsUnavailableError`."""

    async def generation(self) -> str | None:
        """Of the tables; None before the read model has begun."""
        ...

    async def page(self, behind: str, *, limit: int) -> Sequence[ChangedDocument]:
        """Documents by mint, those behind a mint."""
        ...

    async def of(self, mints: Sequence[str]) -> dict[str, ChangedDocument]:
        """The documents of these mints, as far as there are any."""
        ...


class ComparedIndex(Protocol):
    """The index's side; everything may raise what `projections.indexing.TokenIndex` does."""

    async def place(self) -> IndexPlace | None:
        """Up to where it holds the documents; None for a new index."""
        ...

    async def held(self, mints: Sequence[str]) -> dict[str, HeldDocument]:
        """The documents of these mints, as far as there are any."""
        ...

    async def mints(self, offset: int, *, limit: int) -> Sequence[str]:
        """The mints of some of all documents, in an order that holds while none is written."""
        ...

    async def write(self, generation: str, documents: Sequence[ChangedDocument]) -> None:
        """Write documents, but over no newer one of the generation; returns once they are there."""
        ...

    async def remove(self, mints: Sequence[str]) -> None:
        """Remove the documents of these mints; returns once they are gone."""
        ...


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison found."""

    report: ModelReport
    wrong: Sequence[str]
    """Mints of which the index lacks the document, or has another one."""
    extra: Sequence[str]
    """Mints that only the index has."""


class IndexComparison:
    """One index beside one read model, while both go on."""

    def __init__(
        self, documents: ComparedDocuments, index: ComparedIndex, *, rows_max: int
    ) -> None:
        """`rows_max` documents that differ are named."""
        self._documents = documents
        self._index = index
        self._rows_max = rows_max

    async def run(self) -> Compared:
        """Compare all that the index should hold by its place; what is newer is yet to be told."""
        place = await self._index.place()
        generation = await self._documents.generation()
        reason = None
        if place is None:
            reason = _NEVER_WRITTEN
        elif place.generation != generation:
            reason = _ANOTHER
        if reason is not None or place is None:
            report = ModelReport(name=NAME, sequence=None, reason=reason)
            return Compared(report=report, wrong=(), extra=())
        tally = _Tally(self._rows_max)
        behind = ""
        while page := await self._documents.page(behind, limit=PAGE_MAX):
            behind = page[-1].token.mint
            due = [it for it in page if (it.tick, it.token.mint) <= (place.tick, place.mint)]
            held = await self._index.held([it.token.mint for it in due])
            # The index goes on meanwhile: what it has of a later save is compared with that one.
            ahead = [it.token.mint for it in due if _tick(held.get(it.token.mint)) > it.tick]
            newer = await self._documents.of(ahead) if ahead else {}
            for each in due:
                self._compare(tally, place, newer.get(each.token.mint, each), held)
        await self._extra(tally)
        report = ModelReport(name=NAME, sequence=place.sequence, tables=(tally.report(),))
        return Compared(report=report, wrong=tuple(tally.wrong), extra=tuple(tally.extra))

    async def mend(self, found: Compared) -> int:
        """Write again what differs, and remove what the tables do not have; how many documents.

        A document that is newer than the place is left to whoever follows.
        """
        generation = await self._documents.generation()
        if generation is None:
            return 0
        for start in range(0, len(found.wrong), PAGE_MAX):
            documents = await self._documents.of(found.wrong[start : start + PAGE_MAX])
            # One that claims to be of a later save than there was would not be overwritten.
            held = await self._index.held(sorted(documents))
            claimed = [it for it in sorted(documents) if _tick(held.get(it)) > documents[it].tick]
            await self._index.remove(claimed)
            await self._index.write(generation, [documents[it] for it in sorted(documents)])
        await self._index.remove(found.extra)
        return len(found.wrong) + len(found.extra)

    @staticmethod
    def _compare(
        tally: "_Tally", place: IndexPlace, said: ChangedDocument, held: dict[str, HeldDocument]
    ) -> None:
        mint = said.token.mint
        there = held.get(mint)
        if there is not None and there.tick < said.tick and said.tick > place.tick:
            return  # it changed in between, and will be told
        expected = HeldDocument(generation=place.generation, tick=said.tick, token=said.token)
        tally.add(mint, there, expected)

    async def _extra(self, tally: "_Tally") -> None:
        offset = 0
        while mints := await self._index.mints(offset, limit=PAGE_MAX):
            offset += len(mints)
            known = await self._documents.of(mints)
            tally.only_there(mint for mint in mints if mint not in known)


class _Tally:
    """Rows of both sides, counted and digested."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._rows = [0, 0]
        self._digests = [hashlib.sha256(), hashlib.sha256()]
        self._differences: dict[Difference, int] = {}
        self._first: list[RowDifference] = []
        self.wrong: list[str] = []
        self.extra: list[str] = []

    def add(self, mint: str, held: HeldDocument | None, expected: HeldDocument) -> None:
        """A document that there should be, and what there is."""
        same = held == expected
        sides = (expected if same else held, expected)
        for number, side in enumerate(sides):
            if side is not None:
                self._rows[number] += 1
                self._digests[number].update(msgspec.json.encode((mint, side)) + b"\n")
        if same:
            return
        self.wrong.append(mint)
        kept, replayed = _differing(held, expected)
        what: Difference = "missing" if held is None else "other values"
        self._differ(RowDifference(what=what, key={"mint": mint}, kept=kept, replayed=replayed))

    def only_there(self, mints: Iterable[str]) -> None:
        """Documents that there should not be."""
        for mint in mints:
            self.extra.append(mint)
            self._rows[0] += 1
            self._digests[0].update(msgspec.json.encode((mint, None)) + b"\n")
            self._differ(RowDifference(what="extra", key={"mint": mint}))

    def report(self) -> TableReport:
        """What was found."""
        return TableReport(
            name="Meilisearch",
            rows=self._rows[0],
            digest=self._digests[0].hexdigest(),
            rows_replayed=self._rows[1],
            digest_replayed=self._digests[1].hexdigest(),
            differences=self._differences,
            first=tuple(self._first),
        )

    def _differ(self, difference: RowDifference) -> None:
        self._differences[difference.what] = self._differences.get(difference.what, 0) + 1
        if len(self._first) < self._rows_max:
            self._first.append(difference)


def _tick(held: HeldDocument | None) -> int:
    return -1 if held is None else held.tick


def _differing(
    held: HeldDocument | None, expected: HeldDocument
) -> tuple[dict[str, object] | None, dict[str, object]]:
    made = _columns(expected)
    if held is None:
        return None, made
    there = _columns(held)
    names = [name for name in made if made[name] != there[name]]
    return {name: there[name] for name in names}, {name: made[name] for name in names}


def _columns(document: HeldDocument) -> dict[str, object]:
    own = {"generation": document.generation, "tick": document.tick, "intact": document.intact}
    return msgspec.structs.asdict(document.token) | own
