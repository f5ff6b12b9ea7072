"""Those who trade: a few bots with most of the trades, and a long tail of people."""

import hashlib
from random import Random

import msgspec
from solders.keypair import Keypair

from curvetape.simulator import accounts

POPULATION = 20_000
BOTS = 60
_BOT_SHARE = 0.42
_ROUND_SOL = (0.05, 0.1, 0.1, 0.2, 0.25, 0.3, 0.5, 0.5, 1.0, 1.0, 2.0, 3.0, 5.0)
LAMPORTS_MIN = 2_000_000_000
"""Below it a trader gets fresh money from somewhere that we do not see."""
SIZE_LAMPORTS_MAX = 40_000_000_000


class Purses(msgspec.Struct):
    """Balances that outlive a coin: traders' SOL, and accounts to which fees are paid."""

    lamports: dict[int, int] = {}
    """By trader."""
    accounts: dict[bytes, int] = {}
    """By address, in the unit of what the account holds."""
    quotes: dict[bytes, dict[int, int]] = {}
    """By quote mint and trader."""


class Crowd:
    """Traders by number. Their keys are real key pairs' public keys, made when first needed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keys: dict[int, bytes] = {}
        self._volumes: dict[tuple[bytes, int], bytes] = {}

    def key(self, trader: int) -> bytes:
        """A trader's wallet."""
        known = self._keys.get(trader)
        if known is None:
            secret = hashlib.sha256(b"trader:%d:%d" % (self._seed, trader)).digest()
            known = self._keys[trader] = bytes(Keypair.from_seed(secret).pubkey())
        return known

    def volume_account(self, program: bytes, trader: int) -> bytes:
        """The account in which a program, the curves' or the pools', counts a trader's volume."""
        known = self._volumes.get((program, trader))
        if known is None:
            seeds = b"user_volume_accumulator", self.key(trader)
            known = self._volumes[program, trader] = accounts.derived(program, *seeds)
        return known


def someone(random: Random) -> int:
    """A trader by chance: bots trade far more often than anyone else."""
    if random.random() < _BOT_SHARE:
        return int(BOTS * random.random() ** 3)
    return BOTS + int((POPULATION - BOTS) * random.random() ** 2.2)


def is_bot(trader: int) -> bool:
    """Whether a trader is a program."""
    return trader < BOTS


def size_lamports(random: Random, trader: int) -> int:
    """How much a trader spends at once: log-normal, now and then a whale."""
    draw = random.random()
    if draw < 0.012:
        size = 2.5 * random.paretovariate(1.3)
    elif is_bot(trader):
        size = random.lognormvariate(-1.1, 0.9)
    elif draw < 0.5:
        size = _ROUND_SOL[int(random.random() * len(_ROUND_SOL))]
    else:
        size = random.lognormvariate(-1.6, 1.2)
    return min(max(int(size * 1e9), 1_000_000), SIZE_LAMPORTS_MAX)
