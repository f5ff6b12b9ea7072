"""One side: an application of the library, whose recorder the environment names.

Answers each JSON line on stdin with one on stdout. Everything is measured by the clock: most of
the time goes to servers and disks.
"""

import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.system import ProcessApplication

PAGE = 1_000
"""Notifications that are read at a time."""
AGGREGATE_EVENTS = 100


class Portfolio(Aggregate):
    """What users do most: a change of one position."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.held: dict[str, Decimal] = {}

    @event("Changed")
    def change(self, mint: str, amount: Decimal, at: int) -> None:
        """Hold another amount of a token."""
        self.held[mint] = amount


class Portfolios(ProcessApplication[UUID]):
    """Events and tracking records in one recorder."""

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        """Nothing is processed by it; what is measured calls the recorder."""


class Measured:
    """The application, and what may be asked of it."""

    def __init__(self) -> None:
        self._app = Portfolios()
        self._tracked = count(1)
        self._ids: list[UUID] = []

    def answer(self, question: dict[str, Any]) -> dict[str, float]:
        """Units of work and seconds; what is stored is made before the clock starts."""
        work: Callable[[int], tuple[int, float]] = getattr(self, f"_{question['ask']}")
        units, seconds = work(question["count"])
        return {"units": units, "seconds": seconds}

    def _made(self, calls: int, size: int) -> list[list[Any]]:
        made = []
        for _ in range(calls):
            portfolio = Portfolio(str(uuid4()))
            for at in range(size - 1):
                portfolio.change("mint" * 10 + "pump", Decimal("123456.789012"), at)
            made.append(list(portfolio.collect_events()))
            self._ids.append(portfolio.id)
        return [[self._app.mapper.to_stored_event(one) for one in events] for events in made]

    def _together(self, calls: int) -> tuple[int, float]:
        """Events of one aggregate, stored 100 at a time; units are events."""
        batches = self._made(calls, AGGREGATE_EVENTS)
        insert, began_s = self._app.recorder.insert_events, time.perf_counter()
        for batch in batches:
            insert(batch)
        return calls * AGGREGATE_EVENTS, time.perf_counter() - began_s

    def _thousands(self, calls: int) -> tuple[int, float]:
        batches = self._made(calls, 1_000)
        del self._ids[-calls:]
        insert, began_s = self._app.recorder.insert_events, time.perf_counter()
        for batch in batches:
            insert(batch)
        return calls * 1_000, time.perf_counter() - began_s

    def _pairs(self, calls: int) -> tuple[int, float]:
        """Two events a call, as a new aggregate's first save often has; units are calls."""
        batches = self._made(calls, 2)
        del self._ids[-calls:]
        insert, began_s = self._app.recorder.insert_events, time.perf_counter()
        for batch in batches:
            insert(batch)
        return calls, time.perf_counter() - began_s

    def _singly(self, calls: int) -> tuple[int, float]:
        batches = self._made(calls, 1)
        del self._ids[-calls:]
        insert, began_s = self._app.recorder.insert_events, time.perf_counter()
        for batch in batches:
            insert(batch)
        return calls, time.perf_counter() - began_s

    def _tracked_singly(self, calls: int) -> tuple[int, float]:
        """An event and the tracking record of what caused it."""
        batches = self._made(calls, 1)
        del self._ids[-calls:]
        insert, began_s = self._app.recorder.insert_events, time.perf_counter()
        for batch in batches:
            insert(batch, tracking=Tracking("upstream", next(self._tracked)))
        return calls, time.perf_counter() - began_s

    def _read(self, events_max: int) -> tuple[int, float]:
        """All events in their order, as domain events."""
        began_s, read, position = time.perf_counter(), 0, 0
        while read < events_max:
            page = self._app.recorder.select_notifications(position, PAGE, inclusive_of_start=False)
            if not page:
                break
            for notification in page:
                self._app.mapper.to_domain_event(notification)
            position = page[-1].id
            read += len(page)
        return read, time.perf_counter() - began_s

    def _subscribed(self, events_max: int) -> tuple[int, float]:
        """The same by a subscription, which is how projections read."""
        began_s = time.perf_counter()
        with self._app.recorder.subscribe(gt=0) as subscription:
            for read, notification in enumerate(subscription, 1):
                self._app.mapper.to_domain_event(notification)
                if read == events_max:  # there have to be as many: it waits for the next one
                    break
        return events_max, time.perf_counter() - began_s

    def _aggregates(self, calls: int) -> tuple[int, float]:
        """Aggregates of 100 events, made from them; units are aggregates."""
        began_s = time.perf_counter()
        for number in range(calls):
            self._app.repository.get(self._ids[number % len(self._ids)])
        return calls, time.perf_counter() - began_s

    def close(self) -> None:
        """Close the connections."""
        self._app.close()


def main() -> None:
    """Until stdin ends."""
    measured = Measured()
    for line in sys.stdin:
        print(json.dumps(measured.answer(json.loads(line))), flush=True)
    measured.close()


if __name__ == "__main__":
    main()
