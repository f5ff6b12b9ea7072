"""Transactions of another program whose events look like ours and have to be ignored."""

import hashlib
from base64 import b64encode

from curvetape.simulator.accounts import GLOBAL, NOBODY, PUMP_KEY, derived
from curvetape.simulator.drafts import Draft, fixed
from curvetape.simulator.events import TRADED
from curvetape.simulator.shapes import Shape
from curvetape.simulator.state import World
from curvetape.simulator.traders import someone
from curvetape.simulator.transactions import Writer, any_version
from curvetape.simulator.wire import Hole

LAUNCHPAD = hashlib.sha256(b"a launchpad that copied an event").digest()
_EVENTS = derived(LAUNCHPAD, b"__event_authority")


def stranger(world: World, writer: Writer) -> None:
    """Write a trade of the other program; it names ours among its accounts, as routers do."""
    random = world.random
    trader, version = someone(random), any_version(random)
    data = TRADED.encode(
        (
            *(random.randbytes(32), 10**9, 10**12, True, world.crowd.key(trader), world.now_s),
            *(31 * 10**9, 10**15, 10**9, 7 * 10**14, NOBODY, 100, 10**7, NOBODY, 0, 0),
            *(False, 0, 0, 0, 0, "buy", False, 0, 0, 0, 0, (), NOBODY),
            *(10**9, 31 * 10**9, 10**9, 0, 0, 0, 0),
        )
    )

    def make() -> Shape:
        draft = Draft(version)
        draft.budget()
        called = (fixed(PUMP_KEY), fixed(GLOBAL))
        with draft.call(LAUNCHPAD, called, b"\x09", log="Instruction: Trade", units=20_000):
            draft.event(LAUNCHPAD, _EVENTS, Hole("event", len(data)))
        draft.event_places.clear()
        return draft.finish()

    shape = writer.shape(("stranger", version), make)
    values = {"event": data, "log.event": b64encode(data)}
    writer.write(shape, trader, values, {}, (), 0, ())
