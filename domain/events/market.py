"""Facts that are not about one token: other reports of the programs, SOL's price."""

from typing import ClassVar

from domain.events.base import Event, ProgramEvent


class ProgramReported(ProgramEvent, frozen=True, kw_only=True, gc=False, tag="program.reported"):
    """An event of our programs that we can read but that no read model has a use for yet."""

    subject_root: ClassVar = "pump.program.reported"

    program: str
    name: str
    """The event's name in the program's interface, as in `ExtendAccountEvent`."""
    fields: dict[str, object]

    @property
    def subject(self) -> str:
        """The subject that the event is logged under, ending in the event's own name."""
        return f"{self.subject_root}.{self.name}"


class SolPriced(Event, frozen=True, kw_only=True, gc=False, tag="sol.priced"):
    """The price of SOL in US dollars, as the Pyth account on chain said it."""

    subject_root: ClassVar = "pump.sol.priced"

    account: str
    price: int
    confidence: int
    exponent: int
    """The price is `price * 10**exponent` dollars; so is the confidence."""
    publish_time_s: int
    posted_slot: int
