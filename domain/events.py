"""Every fact in the log: immutable, in the past tense, and never changed once written.

Amounts are integers in the smallest unit of what they count: lamports or the quote mint's own
units for quote amounts, the token's own units for token amounts. They are written as JSON
integers and may pass 2^53, so a reader in JavaScript has to parse them as big integers.
`None` (absent in JSON) means that the program did not report it in the event's layout; it never
stands for zero.
"""

from typing import ClassVar, Literal, TypeAlias

import msgspec

from domain.position import Position

Side: TypeAlias = Literal["buy", "sell"]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", omit_defaults=True
):
    """A fact. A wrong one is corrected by a later one, never edited.

    `id` is its place and so its identity: the log holds each id once. `pos` is the place in the
    chain's order.
    """

    id: str
    pos: Position
    received_at_ns: int
    """When we first had it, in nanoseconds since 1970 on our clock."""

    subject_root: ClassVar[str]

    @property
    def kind(self) -> str:
        """The event's name and version on the wire, as in `curve.traded`."""
        tag = self.__struct_config__.tag
        assert isinstance(tag, str), "every event has a text tag"
        return tag

    @property
    def subject(self) -> str:
        """The subject that the event is logged under."""
        return self.subject_root


class ProgramEvent(Event, frozen=True, kw_only=True, gc=False):
    """A fact that a program of ours emitted inside a landed, successful transaction.

    `id` is `<signature>:<outer>.<inner>`, with the indexes of the instruction that emitted it.
    """

    block_time_s: int
    """The block's own time, in seconds since 1970."""
    signer: str
    """The transaction's fee payer."""
    compute_units: int | None = None
    priority_fee_lamports: int | None = None
    layout: str
    """The version of the program's own event layout, as in `T9`."""
    tail: str | None = None
    """Bytes behind the longest layout that we know, in hexadecimal."""

    @property
    def signature(self) -> str:
        """The signature of the transaction that the event comes from, in base58."""
        return self.id.partition(":")[0]


class MintEvent(ProgramEvent, frozen=True, kw_only=True, gc=False):
    """A program's event about one token."""

    mint: str

    @property
    def subject(self) -> str:
        """The subject that the event is logged under, ending in the token's mint."""
        return f"{self.subject_root}.{self.mint}"


class Shareholder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One who has a share of a token's creator fees."""

    address: str
    share_bps: int


class TokenCreated(MintEvent, frozen=True, kw_only=True, gc=False, tag="token.created"):
    """A token was launched on a bonding curve."""

    subject_root: ClassVar = "pump.token.created"

    name: str
    symbol: str
    uri: str
    user: str
    creator: str | None = None
    bonding_curve: str
    quote_mint: str
    """`1111…` for native SOL."""
    quote_decimals: int | None = None
    token_decimals: int
    token_program: str | None = None
    token_total_supply: int | None = None
    virtual_token_reserves: int | None = None
    virtual_quote_reserves: int | None = None
    real_token_reserves: int | None = None
    mayhem_mode: bool | None = None
    cashback_enabled: bool | None = None
    creator_fee_bps: int | None = None
    holder_reward: bool | None = None
    depth: int | None = None


class CurveTraded(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.traded"):
    """A token was bought from or sold to its bonding curve; reserves are those AFTER the trade."""

    subject_root: ClassVar = "pump.curve.traded"

    side: Side
    user: str
    quote_mint: str
    quote_decimals: int | None = None
    token_decimals: int
    quote_amount: int
    """What the curve took or gave, without fees."""
    token_amount: int
    virtual_quote_reserves: int
    virtual_token_reserves: int
    real_quote_reserves: int
    real_token_reserves: int
    fee_recipient: str | None = None
    """`1111…` says that the fee stayed on the curve."""
    fee_bps: int | None = None
    fee: int | None = None
    creator: str | None = None
    creator_fee_bps: int | None = None
    creator_fee: int | None = None
    track_volume: bool | None = None
    total_unclaimed_tokens: int | None = None
    total_claimed_tokens: int | None = None
    current_sol_volume: int | None = None
    last_update_time_s: int | None = None
    ix_name: str | None = None
    mayhem_mode: bool | None = None
    cashback_fee_bps: int | None = None
    cashback: int | None = None
    buyback_fee_bps: int | None = None
    buyback_fee: int | None = None
    shareholders: tuple[Shareholder, ...] = ()
    holder_rewards_bps: int | None = None
    holder_rewards: int | None = None
    creator_fee_unclaimed: int | None = None


class CurveCompleted(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.completed"):
    """A bonding curve sold its last token and waits for its migration."""

    subject_root: ClassVar = "pump.curve.completed"

    user: str
    bonding_curve: str
    quote_mint: str


class CurveRepriced(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.repriced"):
    """A curve in mayhem mode was given new virtual reserves."""

    subject_root: ClassVar = "pump.curve.repriced"

    old_virtual_token_reserves: int
    old_virtual_quote_reserves: int
    virtual_token_reserves: int
    virtual_quote_reserves: int
    real_token_reserves: int
    real_quote_reserves: int


class CurveFeeSwept(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.fee_swept"):
    """Fees that had stayed on a bonding curve were paid out."""

    subject_root: ClassVar = "pump.curve.fee_swept"

    bonding_curve: str
    quote_mint: str
    recipient: str
    amount: int
    bucket: int


class CompletionTraded(MintEvent, frozen=True, kw_only=True, gc=False, tag="completion.traded"):
    """The rest of the buy that filled a curve was bought at the price of the pool to come."""

    subject_root: ClassVar = "pump.completion.traded"

    side: Side
    user: str
    bonding_curve: str
    quote_mint: str
    quote_decimals: int | None = None
    token_decimals: int
    quote_amount: int
    """Quote in, as the program reports it (`quote_in`)."""
    token_amount: int
    fee_bps: int
    fee: int
    creator_fee_bps: int
    creator_fee: int
    buyback_fee: int
    pool_base_reserves_before: int
    pool_quote_reserves_before: int
    pool_base_reserves_after: int
    pool_quote_reserves_after: int


class TokenMigrated(MintEvent, frozen=True, kw_only=True, gc=False, tag="token.migrated"):
    """A token graduated: its liquidity moved from the curve to its canonical pool."""

    subject_root: ClassVar = "pump.token.migrated"

    user: str
    bonding_curve: str
    pool: str
    quote_mint: str
    token_amount: int
    quote_amount: int
    pool_migration_fee: int


class PoolEvent(MintEvent, frozen=True, kw_only=True, gc=False):
    """A fact about a pool of the PumpSwap AMM.

    `mint` is the token that the pool is about: its base mint, or its quote mint where the base is
    wrapped SOL. `canonical` says that it is the pool a graduated token was migrated to, the only
    one whose trades may move the token's chart.
    """

    pool: str
    base_mint: str
    quote_mint: str
    base_decimals: int | None = None
    quote_decimals: int | None = None
    canonical: bool


class PoolCreated(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.created"):
    """A pool was opened."""

    subject_root: ClassVar = "pump.pool.created"

    index: int
    creator: str
    base_amount: int
    quote_amount: int
    pool_base_reserves: int
    """The base vault's balance after the creation."""
    pool_quote_reserves: int
    minimum_liquidity: int
    initial_liquidity: int
    lp_token_amount: int
    lp_mint: str
    coin_creator: str | None = None
    mayhem_mode: bool | None = None
    creator_fee_bps: int | None = None
    can_edit_creator_fee: bool | None = None
    holder_reward: bool | None = None


class PoolTraded(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.traded"):
    """Base was bought from or sold to a pool; vault balances are those BEFORE the trade."""

    subject_root: ClassVar = "pump.pool.traded"

    side: Side
    """`buy` takes base out of the pool."""
    user: str
    base_amount: int
    quote_amount: int
    """What the trade moved at the pool's price, before any fee."""
    user_quote_amount: int
    """What the user paid or received, fees and all."""
    pool_base_reserves: int
    pool_quote_reserves: int
    pool_quote_delta: int
    """How the trade changed the quote reserves that price the pool; negative for a sell."""
    virtual_quote_reserves: int = 0
    """Signed; added to the vault's balance before pricing."""
    lp_fee_bps: int
    lp_fee: int
    protocol_fee_bps: int
    protocol_fee: int
    protocol_fee_recipient: str
    """`1111…` says that the fee stayed in the pool."""
    coin_creator: str | None = None
    coin_creator_fee_bps: int | None = None
    coin_creator_fee: int | None = None
    track_volume: bool | None = None
    total_unclaimed_tokens: int | None = None
    total_claimed_tokens: int | None = None
    current_sol_volume: int | None = None
    last_update_time_s: int | None = None
    ix_name: str | None = None
    cashback_fee_bps: int | None = None
    cashback: int | None = None
    buyback_fee_bps: int | None = None
    buyback_fee: int | None = None
    can_boost: bool | None = None
    base_supply: int | None = None
    """The base mint's supply at the trade."""
    holder_rewards_bps: int | None = None
    holder_rewards: int | None = None
    creator_fee_unclaimed: int | None = None


class PoolDeposited(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.deposited"):
    """Liquidity was added; vault balances are those BEFORE it."""

    subject_root: ClassVar = "pump.pool.deposited"

    user: str
    base_amount: int
    quote_amount: int
    lp_token_amount: int
    lp_mint_supply: int
    pool_base_reserves: int
    pool_quote_reserves: int


class PoolWithdrawn(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.withdrawn"):
    """Liquidity was taken out; vault balances are those BEFORE it."""

    subject_root: ClassVar = "pump.pool.withdrawn"

    user: str
    base_amount: int
    quote_amount: int
    lp_token_amount: int
    lp_mint_supply: int
    pool_base_reserves: int
    pool_quote_reserves: int


class PoolFeeSwept(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.fee_swept"):
    """Fees that had stayed in a pool were paid out."""

    subject_root: ClassVar = "pump.pool.fee_swept"

    pool: str
    base_mint: str
    quote_mint: str
    recipient: str
    payer: str
    amount: int
    bucket: int


class PoolBoosted(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.boosted"):
    """A pool was given virtual quote reserves at its migration."""

    subject_root: ClassVar = "pump.pool.boosted"

    pool: str
    bonding_curve: str
    virtual_quote_reserves: int
    pool_quote_reserves: int
    """The quote vault's balance after it."""


class PoolBurned(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.burned"):
    """A boost bought base from a pool and burned it, which shrinks the token's supply."""

    subject_root: ClassVar = "pump.pool.burned"

    pool: str
    bonding_curve: str
    authority: str
    quote_amount_requested: int
    quote_amount: int
    base_amount: int
    virtual_quote_reserves: int
    pool_base_reserves: int
    """The base vault's balance after it."""
    pool_quote_reserves: int
    boost_vault_remaining: int


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


class GapDetected(Event, frozen=True, kw_only=True, gc=False, tag="gap.detected"):
    """Slots that no source could give us any more."""

    subject_root: ClassVar = "pump.gap.detected"

    from_slot: int
    to_slot: int
    """The last slot of the gap, itself included."""
    reason: str


AnyEvent: TypeAlias = (
    TokenCreated
    | CurveTraded
    | CurveCompleted
    | CurveRepriced
    | CurveFeeSwept
    | CompletionTraded
    | TokenMigrated
    | PoolCreated
    | PoolTraded
    | PoolDeposited
    | PoolWithdrawn
    | PoolFeeSwept
    | PoolBoosted
    | PoolBurned
    | ProgramReported
    | SolPriced
    | GapDetected
)
"""The closed union of what the log can hold."""

AnyProgramEvent: TypeAlias = (
    TokenCreated
    | CurveTraded
    | CurveCompleted
    | CurveRepriced
    | CurveFeeSwept
    | CompletionTraded
    | TokenMigrated
    | PoolCreated
    | PoolTraded
    | PoolDeposited
    | PoolWithdrawn
    | PoolFeeSwept
    | PoolBoosted
    | PoolBurned
    | ProgramReported
)
"""What a decoded transaction can turn into."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """The event as it stands in the log: one JSON object."""
    return _encoder.encode(event)


def decode(payload: bytes) -> AnyEvent:
    """Read an event back from the log; `msgspec.ValidationError` says what does not fit."""
    return _decoder.decode(payload)
