"""How the read models stand: served, being built, kept, beside the log's end."""

import time
from collections.abc import Sequence

import msgspec

from adapters.postgres.generations import Generations
from adapters.postgres.pool import NO_CONNECTIONS
from adapters.valkey import generations as keys
from curvetape.rebuilding import ReadModels
from domain.log import EventLog
from projections.generation import Generation


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A read model with its generations."""

    name: str
    program_version: int
    """The version that this program makes."""
    served: Generation
    next: Generation | None
    previous: Generation | None
    head: int
    """The log's last sequence."""
    lag: int
    """How many events of the log the served one has yet to take."""
    parked: int
    """Events that it could not apply and has set aside."""
    at_s: float
    """When it was measured."""
    rate_per_s: float | None = None
    """Events of the log that it passed in a second; None where it was measured once."""

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.served.refused is not None:
            return "refused"
        if self.served.version != self.program_version:
            return f"version {self.served.version}"
        return "busy" if self.lag else "at the end"

    def since(self, before: "Standing") -> "Standing":
        """The same with its rate since it was measured before."""
        passed = self.served.sequence - before.served.sequence
        rate = passed / max(self.at_s - before.at_s, 0.001)
        return msgspec.structs.replace(self, rate_per_s=round(rate, 1))


async def standings(
    log: EventLog, generations: Generations, read_models: ReadModels
) -> Sequence[Standing]:
    """Of every read model of this program. Raises `LogError`."""
    served = await generations.served()
    parked = await generations.parked()
    head = await log.last_sequence()
    found = []
    for hosted in read_models(NO_CONNECTIONS):
        name, version = hosted.projection.name, hosted.projection.version
        live = served.get(name) or Generation(name=name, version=version, sequence=0)
        found.append(
            Standing(
                name=name,
                program_version=version,
                served=live,
                next=await generations.beside(name, "next"),
                previous=await generations.beside(name, "previous"),
                head=head,
                lag=max(head - live.sequence, 0),
                parked=parked.get(name, 0),
                at_s=time.time(),
            )
        )
    return found


async def standing_of(log: EventLog, generations: keys.Generations, version: int) -> Standing:
    """Of a read model of Valkey's. Raises `LogError` and `ServerUnreachableError`."""
    served = await generations.served()
    head = await log.last_sequence()
    live = served or Generation(name=generations.name, version=version, sequence=0)
    return Standing(
        name=generations.name,
        program_version=version,
        served=live,
        next=await generations.beside("next"),
        previous=await generations.beside("previous"),
        head=head,
        lag=max(head - live.sequence, 0),
        parked=await generations.parked(),
        at_s=time.time(),
    )
