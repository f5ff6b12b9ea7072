"""How the pipeline is, as counted from what comes by."""

from api.live.pulse import RATE_S, Pulse
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, curve_traded, recorded
from curvetape.testing.market import address
from domain.log import Recorded
from projections.reads import ProjectionPosition

MINT = address("mint")


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def sealed(*slots_of: int) -> list[Recorded]:
    log = CertifiedLog()
    for number in slots_of:
        event = curve_traded(number, MINT)
        log.append(event)
        log.seal(event.pos.slot)
    return recorded(event for _, _, event in log.messages)


def told(pulse: Pulse, sequence: int = 0) -> dict[str, object]:
    status = pulse.told(sequence=sequence, deaf=False, clients=0, positions=())
    return {name: getattr(status, name) for name in status.__struct_fields__}


def test_rates_are_of_the_last_seconds_only() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now_s += RATE_S
    pulse.take(recorded([created(1, MINT), *(curve_traded(n, MINT) for n in range(2, 41))]))
    status = told(pulse)
    assert status["events_per_second"] == 4.0
    assert status["trades_per_second"] == 3.9
    assert status["launches_per_minute"] == 6.0
    clock.now_s += RATE_S
    assert told(pulse)["events_per_second"] == 0


def test_what_is_too_old_is_let_go_of_while_nobody_asks() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    for number in range(1, 1_001):
        clock.now_s += 1
        pulse.take(recorded([curve_traded(number, MINT)]))
    assert len(pulse._counted) == RATE_S


def test_a_process_that_has_just_started_does_not_divide_by_time_it_has_not_seen() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now_s += 2
    pulse.take(recorded([curve_traded(n, MINT) for n in range(1, 11)]))
    assert told(pulse)["trades_per_second"] == 5.0


def test_the_newest_slot_stays_when_an_older_one_is_certified_late() -> None:
    pulse = Pulse(Clock())
    assert told(pulse)["slot"] is None
    newer, older = sealed(50), sealed(20)
    pulse.take(newer)
    slot = told(pulse)["slot"]
    pulse.take(older)
    assert told(pulse)["slot"] == slot == curve_traded(50, MINT).pos.slot


def test_a_lag_is_what_the_log_has_more_and_never_negative() -> None:
    status = Pulse(Clock()).told(
        sequence=10,
        deaf=True,
        clients=3,
        positions=[
            ProjectionPosition(name="trades", version=1, sequence=7, reread_after=7),
            ProjectionPosition(name="tokens", version=1, sequence=12, reread_after=12),
        ],
    )
    assert [each.lag for each in status.read_models] == [3, 0]
    assert (status.deaf, status.clients) == (True, 3)


def test_what_the_log_held_at_the_start_tells_the_slot_and_is_in_no_rate() -> None:
    clock = Clock()
    log = sealed(1, 2, 3)
    held = len(log) - 2
    pulse = Pulse(clock, new_after=held)
    clock.now_s += 1.0
    pulse.take(log[:held])
    before = told(pulse)
    assert before["slot"] == curve_traded(2, MINT).pos.slot
    assert (before["events_per_second"], before["trades_per_second"]) == (0.0, 0.0)
    pulse.take(log[held:])
    after = told(pulse)
    assert after["slot"] == curve_traded(3, MINT).pos.slot
    assert (after["events_per_second"], after["trades_per_second"]) == (2.0, 1.0)
    assert after["slots_per_second"] == 1.0
