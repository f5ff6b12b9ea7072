"""What a log holds beside what the chain did: none missing, none twice, none of a dead fork."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from curvetape.campaign.reading import Reading
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.ledger import SlotTruth
from domain.events import ProgramEvent, SlotConfirmed, SolPriced, decode
from domain.log import Stored
from projections.audit.certificates import Certificates
from projections.audit.reserves import Reserves


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended; it is right when `problems` is empty."""

    events: int
    """Events that count."""
    retracted: int
    certificates: int
    revisions: int
    """Certificates that were replaced by a better one."""
    gaps: list[tuple[int, int]]
    """Open gaps, as first and last slot."""
    letters: int
    """Dead letters."""
    is_whole: bool
    """Whether the log begins with the chain's first block."""
    problems: list[str]


def judge(
    log: Sequence[Stored],
    chain: ForkedChain,
    *,
    unobtainable: frozenset[int],
    last: int | None = None,
    letters: Sequence[Stored] = (),
) -> Verdict:
    """Compare a log with its chain's own ledger, from the first certified slot on.

    Up to `last`, or to the chain's end, nothing may be missing; what is there behind it has to be
    right. `letters` are what `DEAD` holds. `unobtainable` slots have to be a recorded gap.
    """
    reading = Reading()
    reading.take(log)
    first = min(reading.certified, default=chain.slots[0])
    slots = range(first, (chain.slots[-1] if last is None else last) + 1)
    problems = [
        *_slot_problems(reading, chain, slots, unobtainable),
        *_event_problems(reading, chain),
        *_certificate_problems(reading, chain),
        *_letter_problems(reading, chain, letters),
        *_audit_problems(log, reading),
        *_reserve_problems(log, reading, chain, first),
    ]
    return Verdict(
        events=sum(map(len, reading.counted.values())),
        retracted=reading.retracted,
        certificates=len(reading.certified),
        revisions=sum(each.revision - 1 for each in reading.certified.values()),
        gaps=[*reading.gaps],
        letters=len(letters),
        is_whole=first == chain.slots[0],
        problems=problems,
    )


def _slot_problems(
    reading: Reading, chain: ForkedChain, slots: range, unobtainable: frozenset[int]
) -> Iterator[str]:
    """Each block of the chain has its certificate, or is in a gap because nobody has it."""
    lacking = {slot for slot in chain.slots if slot in slots} - reading.certified.keys()
    inside = {slot for slot in lacking if any(a <= slot <= b for a, b in reading.gaps)}
    if missing := lacking - inside:
        yield f"neither certified nor in a recorded gap: {sorted(missing)}"
    if obtainable := inside - unobtainable:
        yield f"in a recorded gap though somebody has them: {sorted(obtainable)}"
    if strangers := reading.certified.keys() - set(chain.slots):
        yield f"certified though the chain has no such block: {sorted(strangers)}"
    if impossible := reading.certified.keys() & unobtainable:
        yield f"certified though nobody has them: {sorted(impossible)}"
    # Behind the last slot the log may end between a late block's certificate and "filled".
    for a, b in [gap for gap in reading.gaps if gap[0] in slots]:
        if not any(a <= slot <= b for slot in chain.slots if slot not in reading.certified):
            yield f"slots {a} to {b} are a gap in which no block is missing"
    if reading.revoked:
        yield f"taken back when they counted already: {reading.revoked}"


def _event_problems(reading: Reading, chain: ForkedChain) -> Iterator[str]:
    """The events that count are those of the chain, each once, with the same content."""
    for slot, counted in sorted(reading.counted.items()):
        truth = chain.ledger.get(slot)
        if truth is None:
            continue  # said of its certificate already
        events = [event for event in counted if isinstance(event, ProgramEvent)]
        prices = [event for event in counted if isinstance(event, SolPriced)]
        found, expected = _plain(events), _plain(truth.events)
        if len(found) != len(events) or len(_plain(prices)) != len(prices):
            yield f"slot {slot} counts an event twice"
        if lacking := expected.keys() - found.keys():
            yield f"slot {slot} lacks {len(lacking)} events, as {min(lacking)}"
        if surplus := found.keys() - expected.keys():
            yield f"slot {slot} has {len(surplus)} events too many, as {min(surplus)}"
        if other := [key for key in found.keys() & expected.keys() if found[key] != expected[key]]:
            yield f"slot {slot} has {len(other)} events with another content, as {min(other)}"
        known = _plain(truth.prices)
        if any(known.get(key) != value for key, value in _plain(prices).items()):
            yield f"slot {slot} has a price that the chain does not have"


def _certificate_problems(reading: Reading, chain: ForkedChain) -> Iterator[str]:
    """Each certificate says of its block what is true, and of the log what it holds."""
    for slot, certificate in sorted(reading.certified.items()):
        truth = chain.ledger.get(slot)
        if truth is None:
            continue  # said already
        if certificate.decoded != len(reading.counted.get(slot, ())):
            yield f"the certificate of {slot} counts other events than the log"
        said, known = _said(certificate), _known(truth, certificate)
        for name in [name for name in known if said[name] != known[name]]:
            yield f"the certificate of {slot} says {name} {said[name]}, it is {known[name]}"


def _said(certificate: SlotConfirmed) -> dict[str, object]:
    names = (
        *("parent_slot", "blockhash", "parent_blockhash", "block_time_s", "executed"),
        *("ours", "failed", "unknown", "transactions_digest"),
    )
    return {name: getattr(certificate, name) for name in names}


def _known(truth: SlotTruth, certificate: SlotConfirmed) -> dict[str, object]:
    """The same of the chain; without filtered blocks nobody sends what failed."""
    by_metas = certificate.evidence == "meta" and certificate.failed is None
    return {
        "parent_slot": truth.parent_slot,
        "blockhash": truth.blockhash,
        "parent_blockhash": truth.parent_blockhash,
        "block_time_s": truth.block_time_s,
        "executed": truth.executed,
        "ours": truth.ours - truth.failed if by_metas else truth.ours,
        "failed": None if by_metas else truth.failed,
        "unknown": truth.unknown,
        "transactions_digest": truth.transactions_digest,
    }


def _letter_problems(
    reading: Reading, chain: ForkedChain, letters: Sequence[Stored]
) -> Iterator[str]:
    """What nobody can decode yet is kept, once."""
    ids = {msgspec.json.decode(letter.payload)["id"] for letter in letters}
    if len(ids) != len(letters):
        yield f"{len(letters) - len(ids)} dead letters are kept twice"
    unknown = sum(chain.ledger[slot].unknown for slot in reading.certified if slot in chain.ledger)
    if len(ids) < unknown:
        yield f"of {unknown} events that cannot be decoded {len(ids)} are kept"


def _audit_problems(log: Iterable[Stored], reading: Reading) -> Iterator[str]:
    """The log's own audit finds nothing wrong, and lacks what is recorded as a gap and no more."""
    walk = Certificates()
    for stored in log:
        walk.take(stored.sequence, stored.payload, decode(stored.payload))
    report = walk.report()
    for problem in report.problems:
        yield f"audit: sequence {problem.sequence}, slot {problem.slot}: {problem.what}"
    expected = "incomplete" if reading.gaps or not reading.certified else "complete"
    if report.verdict != expected:
        yield f"audit: the log is {report.verdict}, it should be {expected}: {_why(report)}"
    if [*report.gaps] != [*reading.gaps]:
        yield f"audit: the gaps are {report.gaps}, the log says {reading.gaps}"


def _why(report: object) -> str:
    wanted = ("holes", "undecided", "before_certificates", "revoked", "not_checked")
    return ", ".join(f"{name} {getattr(report, name)}" for name in wanted)


def _reserve_problems(
    log: Iterable[Stored], reading: Reading, chain: ForkedChain, first: int
) -> Iterator[str]:
    """Each market's reserves continue, but across gaps and what nobody can decode."""
    if any(truth.unknown for truth in chain.ledger.values()):
        return
    walk = Reserves()
    for stored in log:
        walk.take(stored.sequence, decode(stored.payload))
    report = walk.report()
    if "missing" in report.breaks or "extra" in report.breaks:
        yield f"audit: reserves do not continue: {report.breaks}, as {report.worst[0]}"
    if not reading.gaps and reading.certified and report.verdict != "connected":
        yield f"audit: reserves are {report.verdict} though there is no gap"
    if first == chain.slots[0] and not reading.gaps and report.from_mid_life:
        yield f"audit: {report.from_mid_life} markets begin in the middle of their life"


def _plain(events: Iterable[ProgramEvent | SolPriced]) -> dict[str, object]:
    """Events by id as they are in the log, whenever they were received."""
    plain = {}
    for event in events:
        fields = msgspec.to_builtins(event)
        fields["received_at_ns"] = 0
        fields.pop("provisional", None)
        plain[event.id] = fields
    return plain
