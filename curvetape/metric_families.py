"""What `project` and `ingest` tell of themselves, as metrics."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from adapters.yellowstone.health import Health
from ingest.progress import Progress
from projections.saves import BUCKETS_S
from projections.status import State, Status


def of_projections(statuses: Sequence[Status], *, log_reachable: bool) -> Iterable[Metric]:
    """Metrics of read models; without the log no lag is told, since nobody knows it.

    Where some are divided by mint, all have a second label: the part, empty for a whole one.
    """
    root = "curvetape_projection_"
    divided = any(it.part is not None for it in statuses)
    labels = ["projection", "part"] if divided else ["projection"]
    reachable = "Whether the log said where it ends when this was asked."
    yield GaugeMetricFamily("curvetape_log_reachable", reachable, value=float(log_reachable))

    def gauge(name: str, meaning: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(root + name, meaning, labels=labels)

    info = gauge("version", "The version of the rows that this program makes.")
    position = gauge("position", "It holds all that the log decides up to this sequence.")
    lag = gauge("lag_events", "Events of the log that it has yet to pass.")
    lag_s = gauge(
        "lag_seconds", "The age of the newest event that it holds; 0 at the end of the log."
    )
    waiting = gauge("waiting_events", "Events that count once their slots are decided.")
    parked = gauge("parked_events", "Events that it could not apply and has set aside.")
    state = GaugeMetricFamily(
        f"{root}state",
        "1 for the state that it is in, 0 for the others.",
        labels=[*labels, "state"],
    )
    events = CounterMetricFamily(f"{root}events", "Events given to its core.", labels=labels)
    batches = CounterMetricFamily(f"{root}batches", "Batches given to its core.", labels=labels)
    saves = HistogramMetricFamily(
        f"{root}save_seconds", "What saving rows and checkpoint took.", labels=labels
    )
    for it in statuses:
        of = [it.name, it.part or ""] if divided else [it.name]
        info.add_metric(of, it.version)
        position.add_metric(of, it.sequence)
        if log_reachable:
            lag.add_metric(of, it.lag)
            if it.lag_s is not None:
                lag_s.add_metric(of, it.lag_s)
        waiting.add_metric(of, it.waiting_events)
        parked.add_metric(of, it.parked)
        for each in get_args(State):
            state.add_metric([*of, each], float(each == it.state))
        events.add_metric(of, it.events)
        batches.add_metric(of, it.batches)
        ends = [*(str(end) for end in BUCKETS_S), "+Inf"]
        counted = list(zip(ends, accumulate(it.saves), strict=True))
        saves.add_metric(of, buckets=counted, sum_value=it.save_s)
    yield from (info, position, lag, lag_s, waiting, parked, state, events, batches, saves)


def of_ingest(progress: Progress, healths: Sequence[Health]) -> Iterable[Metric]:
    """Metrics of ingest and of the endpoints that it reads."""
    root = "curvetape_ingest_"
    missing = sum(last - first + 1 for first, last in progress.gaps)
    for name, meaning, value in (
        ("slot", "The highest slot seen.", progress.slot),
        ("sealed_slot", "The highest slot with a certificate in the log.", progress.sealed_slot),
        ("missing_slots", "Slots of open gaps.", missing),
    ):
        yield GaugeMetricFamily(root + name, meaning, value=float(value))
    for name, meaning, value in (
        ("transactions", "Transactions of our programs.", progress.transactions),
        ("events", "Events that are durable in the log.", progress.events),
        ("retracted_events", "Events that were taken back.", progress.retracted),
        ("dead_letters", "Letters that are durable in DEAD.", progress.dead),
    ):
        yield CounterMetricFamily(root + name, meaning, value=float(value))
    connected = GaugeMetricFamily(
        f"{root}endpoint_connected", "Whether an endpoint is read.", labels=["endpoint"]
    )
    for each in healths:
        connected.add_metric([each.name], float(each.connected))
    yield connected
