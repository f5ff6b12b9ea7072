"""The peer: the library's own projection runner, with its PostgreSQL recorders.

A projection that makes the rows of candles with the product's own core, an event at a time, and
merges them in the transaction of the library's tracking record, as its documentation has it.
Answers each JSON line on stdin with one on stdout.
"""

import json
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Composed

from bench.append import events
from bench.rebuild.history import History
from curvetape.garbage import seldom_collecting
from domain.events import decode, encode
from domain.log import Recorded
from projections.candles import Candle, Candles, Changes

STORED_TOGETHER = 500
WAIT_S_MAX = 300.0
_CREATE = SQL("""
    create table if not exists peer_candles (
        mint text collate "C" not null,
        interval_s integer not null,
        start_s bigint not null,
        open_pos bigint not null,
        open double precision not null,
        close_pos bigint not null,
        close double precision not null,
        high_pos bigint not null,
        high double precision not null,
        low_pos bigint not null,
        low double precision not null,
        volume_quote numeric not null,
        volume_quote_buy numeric not null,
        volume_token numeric not null,
        buys bigint not null,
        sells bigint not null,
        primary key (mint, interval_s, start_s)
    )
""")
_UPSERT = SQL("""
    insert into peer_candles as kept
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (mint, interval_s, start_s) do update set
        open = case when excluded.open_pos < kept.open_pos then excluded.open else kept.open end,
        open_pos = least(kept.open_pos, excluded.open_pos),
        close = case when excluded.close_pos > kept.close_pos
            then excluded.close else kept.close end,
        close_pos = greatest(kept.close_pos, excluded.close_pos),
        high_pos = case when kept.high = excluded.high
            then least(kept.high_pos, excluded.high_pos)
            when kept.high > excluded.high then kept.high_pos else excluded.high_pos end,
        high = greatest(kept.high, excluded.high),
        low_pos = case when kept.low = excluded.low
            then least(kept.low_pos, excluded.low_pos)
            when kept.low < excluded.low then kept.low_pos else excluded.low_pos end,
        low = least(kept.low, excluded.low),
        volume_quote = kept.volume_quote + excluded.volume_quote,
        volume_quote_buy = kept.volume_quote_buy + excluded.volume_quote_buy,
        volume_token = kept.volume_token + excluded.volume_token,
        buys = kept.buys + excluded.buys,
        sells = kept.sells + excluded.sells
""")
_SUM = SQL("select count(*) as rows, sum(buys + sells) as trades from peer_candles")


@dataclass(frozen=True)
class Reported(DomainEvent):
    """An event of the chain, with its JSON as text."""

    text: str


class Chain(Application[UUID]):
    """What the chain reported, a stream for each token."""

    name = "chain"


class View(PostgresTrackingRecorder):
    """Candles beside the tracking records."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sql_create_statements.append(Composed([_CREATE]))

    def merge(self, changes: Changes, tracking: Tracking) -> None:
        """Save the candles of an event and its place together."""
        fields = Candle.__struct_fields__
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.executemany(
                _UPSERT,
                [
                    (*key, *(getattr(candle, field) for field in fields))
                    for key, candle in changes.candles.items()
                ],
            )

    def held(self) -> dict[str, int]:
        """How many candles there are, and trades in all of them."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(_SUM)
            row = cursor.fetchone()
        assert row is not None, "it is a sum"
        return {"rows": row["rows"], "trades": int(row["trades"])}


class ToCandles(Projection[View]):
    """From events to candles."""

    name = "candles"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._core = Candles()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Apply one event, and save what it changes."""
        event = decode(domain_event.text.encode())
        self.view.merge(self._core.apply([Recorded(tracking.notification_id, event)]), tracking)


class Peer:
    """The application with the events, and the runner that projects them."""

    def __init__(self, file: Path) -> None:
        self._history = (
            event for part in History(events.read(file)).parts(0, 1 << 40) for event in part
        )
        self._app = Chain()
        self._versions: dict[UUID, int] = {}
        self._last = 0

    def project(self, count: int) -> dict[str, float]:
        """Store the history's next events; then project them, which alone is measured."""
        for start in range(0, count, STORED_TOGETHER):
            self._store(min(STORED_TOGETHER, count - start))
        self._last += count
        cpu_s, began_s = time.process_time(), time.perf_counter()
        with ProjectionRunner(
            application_class=Chain, projection_class=ToCandles, view_class=View
        ) as runner:
            runner.wait(self._last, timeout=WAIT_S_MAX)
            seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            held = runner.view.held()
        return {"events": count, "seconds": seconds, "cpu_s": cpu_s, **held}

    def _store(self, count: int) -> None:
        made = []
        for event in islice(self._history, count):
            stream = uuid5(NAMESPACE_URL, getattr(event, "mint", event.subject))
            version = self._versions[stream] = self._versions.get(stream, 0) + 1
            text = encode(event).decode()
            made.append(
                Reported(
                    originator_id=stream,
                    originator_version=version,
                    timestamp=Reported.create_timestamp(),
                    text=text,
                )
            )
        self._app.recorder.insert_events([self._app.mapper.to_stored_event(it) for it in made])

    def close(self) -> None:
        """Close the connections."""
        self._app.close()


def main(file: Path) -> None:
    """Until stdin ends."""
    peer = Peer(file)
    with seldom_collecting():  # it is not to wait for the collector where we do not
        for line in sys.stdin:
            print(json.dumps(peer.project(json.loads(line)["count"])), flush=True)
    peer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
