"""Pyth's SOL/USD price account: a price that wanders and always comes back."""

from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.accounts import key
from curvetape.simulator.state import World
from domain.programs import PYTH_RECEIVERS, PYTH_SOL_USD
from ingest.layouts.accounts import PRICE_UPDATE
from ingest.sol_price import SOL_USD_FEED

START_PRICE = 140.0
_PULL = 0.004
_STEP = 0.0006
_AVERAGE_WEIGHT = 0.02
_EXPONENT = -8
_WRITER = bytes.fromhex("5bb115b00dd208eaac9f2a6bed58b686c87ddcf52e6dadf15870224332169ecd")
_SIZE = 134
"""The account is as large as its largest form, which has one byte more."""
_ACCOUNT, _OWNER = key(PYTH_SOL_USD[0]), key(PYTH_RECEIVERS[0])


def price_account(world: World) -> geyser_pb2.SubscribeUpdateAccountInfo | None:
    """The account as it was written in this slot; None in slots in which it was not."""
    state, random = world.state, world.random
    if world.now_s <= state.priced_second:
        return None
    before = state.priced_second or world.now_s - 1
    state.priced_second = world.now_s
    price = state.sol_price
    price += _PULL * (START_PRICE - price) + price * random.gauss(0, _STEP)
    state.sol_price = price
    state.sol_price_average += _AVERAGE_WEIGHT * (price - state.sol_price_average)
    state.write_version += 1 + int(random.random() * 1_000)
    unit = 10.0**-_EXPONENT
    confidence = price * (0.0002 + 0.0003 * random.random())
    data = PRICE_UPDATE.write(
        PRICE_UPDATE.versions[-1].label,
        {
            "write_authority": _WRITER,
            "verification_level": "Full",
            "feed_id": SOL_USD_FEED,
            "price": int(price * unit),
            "conf": int(confidence * unit),
            "exponent": _EXPONENT,
            "publish_time": world.now_s,
            "prev_publish_time": before,
            "ema_price": int(state.sol_price_average * unit),
            "ema_conf": int(confidence * unit),
            "posted_slot": world.slot - 1,
        },
    )
    return geyser_pb2.SubscribeUpdateAccountInfo(
        pubkey=_ACCOUNT,
        lamports=1_823_520,
        owner=_OWNER,
        rent_epoch=2**64 - 1,
        data=data.ljust(_SIZE, b"\0"),
        write_version=state.write_version,
    )
