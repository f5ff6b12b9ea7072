"""How fast a node is asked, and how often people are told that it does not answer."""

import random
from collections.abc import Callable

import msgspec

RATE_PER_S_MIN = 0.2
"""However often a node says that it is asked too often, it is asked every five seconds."""
RECOVERY = 1.05
"""How much faster a node is asked after every answer, until the rate is the wanted one."""
WAIT_S_MIN = 0.5
WAIT_S_MAX = 60.0
GROWTH = 2.0
FAILING_AFTER = 3
"""Failures in a row, with no answer in between, that make the node and not a slot the suspect."""
ALARM_EVERY_S = 60.0
SENTENCES_MAX = 10
"""What is said within `ALARM_EVERY_S`; the rest is counted."""
KEYS_MAX = 1_000


def wait_s(tries: int) -> float:
    """The wait after so many failures, drawn between its half and its whole."""
    whole = min(WAIT_S_MAX, WAIT_S_MIN * GROWTH ** min(tries - 1, 32))
    return random.uniform(whole / 2, whole)  # noqa: S311  # spreads questions, guards nothing


class Pace:
    """A bucket of questions that fills with time, more slowly when the node is busy."""

    def __init__(self, *, rate_per_s_max: float, burst_max: int, now_s: float) -> None:
        self._rate_per_s_max = rate_per_s_max
        self._burst_max = burst_max
        self.rate_per_s = rate_per_s_max
        """How fast the bucket fills now."""
        self._questions = float(burst_max)
        self._filled_s = now_s
        self._silent_until_s = now_s
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether the node has not answered at all lately: one question at a time is enough."""
        return self._failures >= FAILING_AFTER

    def wait_s(self, now_s: float) -> float:
        """How long until the next question may be asked; 0 for at once."""
        self._fill(now_s)
        empty_s = max(0.0, 1 - self._questions) / self.rate_per_s
        return max(self._silent_until_s - now_s, empty_s)

    def ask(self, now_s: float) -> None:
        """Take a question from the bucket."""
        self._fill(now_s)
        self._questions -= 1

    def answered(self) -> None:
        """The node works; ask a little faster again."""
        self._failures = 0
        self.rate_per_s = min(self._rate_per_s_max, self.rate_per_s * RECOVERY)

    def failed(self, now_s: float) -> None:
        """The node did not answer as it should: leave it alone, longer each time."""
        self._failures += 1
        self._silence(now_s, wait_s(self._failures))

    def busy(self, now_s: float, retry_after_s: float | None) -> None:
        """The node is asked too often: leave it alone as long as it says, then ask more slowly."""
        self._failures += 1
        self.rate_per_s = max(RATE_PER_S_MIN, self.rate_per_s / 2)
        self._questions = min(self._questions, 0.0)
        self._silence(now_s, max(retry_after_s or 0.0, wait_s(self._failures)))

    def _silence(self, now_s: float, silent_s: float) -> None:
        self._silent_until_s = max(self._silent_until_s, now_s + silent_s)

    def _fill(self, now_s: float) -> None:
        since_s, self._filled_s = max(0.0, now_s - self._filled_s), now_s
        self._questions = min(self._burst_max, self._questions + since_s * self.rate_per_s)


class _Alarm(msgspec.Struct):
    said_s: float = float("-inf")
    times: int = 0
    open: bool = False
    """Whether people were told that it is wrong, and not yet that it is over."""


class Alarms:
    """Says what is wrong when it begins, and then every so often while it lasts."""

    def __init__(self, say: Callable[[str], None], *, every_s: float = ALARM_EVERY_S) -> None:
        self._say = say
        self._every_s = every_s
        self._known: dict[object, _Alarm] = {}
        self._window_s = float("-inf")
        self._said = 0
        self._unsaid = 0

    def about(self, key: object, sentence: str, now_s: float) -> None:
        """Something is wrong, and `key` tells it from everything else that may be."""
        alarm = self._known[key] = self._known.pop(key, _Alarm())
        alarm.times += 1
        if len(self._known) > KEYS_MAX:
            del self._known[next(iter(self._known))]
        if now_s - alarm.said_s < self._every_s:
            return
        if now_s - self._window_s >= self._every_s:
            self._window_s, self._said = now_s, 0
        if self._said >= SENTENCES_MAX:
            self._unsaid += 1
            return
        self._said += 1
        alarm.said_s, alarm.open = now_s, True
        again = f"; {alarm.times} times so far" if alarm.times > 1 else ""
        others = f"; {self._unsaid} more alarms were left out" if self._unsaid else ""
        self._unsaid = 0
        self._say(sentence + again + others)

    def over(self, key: object, sentence: str) -> None:
        """It is not wrong any more, which is said once if it was said to be wrong."""
        alarm = self._known.get(key)
        if alarm is not None and alarm.open:
            alarm.open = False
            self._say(sentence)
