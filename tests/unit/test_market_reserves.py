"""Per curve and per pool, every generated event continues the one before it."""

from collections.abc import Iterator
from typing import Any

from curvetape.simulator import accounts
from curvetape.simulator.events import Emitted
from curvetape.testing.simulated import first_blocks
from domain.curve import (
    POOL_TOKENS,
    CurveReserves,
    buy_for_quote,
    buy_tokens,
    sell_tokens,
)
from domain.fees import buyback_fee, fee

BLOCKS = 120


def ledger() -> Iterator[Emitted]:
    """All events in the chain's order."""
    for _, emitted in first_blocks(BLOCKS):
        yield from emitted


def reserves(fields: dict[str, Any]) -> CurveReserves:
    """A trade's reserves after it."""
    return CurveReserves(
        fields["virtual_quote_reserves"],
        fields["virtual_token_reserves"],
        fields["real_quote_reserves"],
        fields["real_token_reserves"],
    )


def test_every_curve_trade_follows_from_the_one_before() -> None:
    curves: dict[bytes, CurveReserves] = {}
    trades = 0
    for event in ledger():
        fields = event.fields
        if event.name == "CreateEvent":
            virtual = fields["virtual_quote_reserves"]
            tokens = fields["virtual_token_reserves"]
            curves[fields["mint"]] = CurveReserves(
                virtual, tokens, 0, fields["real_token_reserves"]
            )
        elif event.name == "UpdateMayhemVirtualParamsEvent":
            before = curves[fields["mint"]]
            assert before.virtual_quote == fields["virtual_sol_reserves"]
            curves[fields["mint"]] = CurveReserves(
                fields["new_virtual_sol_reserves"],
                fields["new_virtual_token_reserves"],
                before.real_quote,
                before.real_token,
            )
        elif event.name == "TradeEvent":
            before, after = curves[fields["mint"]], reserves(fields)
            if not fields["is_buy"]:
                trade = sell_tokens(before, fields["token_amount"])
            elif fields["ix_name"] == "buy" or after.complete:
                trade = buy_tokens(before, fields["token_amount"])
            else:
                trade = buy_for_quote(before, fields["quote_amount"])
            assert trade.after == after
            assert trade.quote_amount == fields["quote_amount"]
            assert trade.token_amount == fields["token_amount"]
            curves[fields["mint"]] = after
            trades += 1
    assert trades > 1_000


def test_sol_fields_say_the_same_as_quote_fields_or_nothing() -> None:
    quotes = set()
    for event in ledger():
        if event.name != "TradeEvent":
            continue
        fields = event.fields
        quotes.add(fields["quote_mint"])
        in_sol = fields["quote_mint"] == accounts.NOBODY
        for sol, quote in (
            ("sol_amount", "quote_amount"),
            ("virtual_sol_reserves", "virtual_quote_reserves"),
            ("real_sol_reserves", "real_quote_reserves"),
        ):
            assert fields[sol] == (fields[quote] if in_sol else 0)
    assert len(quotes) > 1


def test_fees_follow_from_their_rates() -> None:
    for event in ledger():
        fields = event.fields
        if event.name == "TradeEvent":
            amount = fields["quote_amount"]
            assert fields["fee"] == fee(amount, fields["fee_basis_points"])
            assert fields["creator_fee"] == fee(amount, fields["creator_fee_basis_points"])
            if not fields["mayhem_mode"]:
                assert fields["buyback_fee"] == buyback_fee(fields["fee"])
        elif event.name == "SellEvent":
            amount = fields["quote_amount_out"]
            for of in ("lp_fee", "protocol_fee", "coin_creator_fee"):
                assert fields[of] == fee(amount, fields[f"{of}_basis_points"])


def test_every_pool_event_finds_the_vaults_as_the_one_before_left_them() -> None:
    vaults: dict[bytes, tuple[int, int, int]] = {}
    trades = 0
    for event in ledger():
        fields = event.fields
        if event.name == "CreatePoolEvent":
            vaults[fields["pool"]] = fields["pool_base_amount"], fields["pool_quote_amount"], 0
            continue
        pool = fields.get("pool")
        if pool is None or pool not in vaults or event.program == "":
            continue
        base, quote, virtual = vaults[pool]
        if event.name == "InitBoostEvent":
            assert fields["real_quote_reserves_after"] == quote - fields["virtual_quote_reserves"]
            quote, virtual = fields["real_quote_reserves_after"], fields["virtual_quote_reserves"]
        elif event.name == "BoostBuyAndBurnEvent":
            base -= fields["base_amount_burned"]
            quote += fields["quote_amount_in_used"]
            assert (base, quote) == (
                fields["base_reserves_after"],
                fields["real_quote_reserves_after"],
            )
        elif event.name == "SweepPoolFeeEvent":
            quote, virtual = quote - fields["amount"], virtual + fields["amount"]
        elif event.name in ("BuyEvent", "SellEvent", "DepositEvent", "WithdrawEvent"):
            assert base == fields["pool_base_token_reserves"]
            assert quote == fields["pool_quote_token_reserves"]
            base_moved, quote_moved, kept = moves(event.name, fields)
            base, quote = base + base_moved, quote + quote_moved + kept
            if "virtual_quote_reserves" in fields:
                assert virtual == fields["virtual_quote_reserves"]
                virtual -= kept
            trades += 1
        vaults[pool] = base, quote, virtual
    assert trades > 300


def moves(name: str, fields: dict[str, Any]) -> tuple[int, int, int]:
    """What an event adds to base and quote, and the fees that it leaves in the vault."""
    if name == "DepositEvent":
        return fields["base_amount_in"], fields["quote_amount_in"], 0
    if name == "WithdrawEvent":
        return -fields["base_amount_out"], -fields["quote_amount_out"], 0
    kept = 0
    if fields["protocol_fee_recipient"] == accounts.NOBODY:
        kept = fields["protocol_fee"] + fields["coin_creator_fee"] - fields["buyback_fee"]
    if name == "BuyEvent":
        return -fields["base_amount_out"], fields["quote_amount_in_with_lp_fee"], kept
    return fields["base_amount_in"], -fields["quote_amount_out_without_lp_fee"], kept


def test_a_full_curve_is_completed_and_then_migrated_to_its_canonical_pool() -> None:
    full: set[bytes] = set()
    migrated: set[bytes] = set()
    for event in ledger():
        fields = event.fields
        if event.name == "TradeEvent":
            assert fields["mint"] not in full, "nobody trades on a full curve"
            if fields["real_token_reserves"] == 0:
                full.add(fields["mint"])
        elif event.name == "CompleteEvent":
            assert fields["mint"] in full
        elif event.name == "PostCompleteBuyEvent":
            assert fields["pool_base_reserves_before"] == POOL_TOKENS
        elif event.name == "CompletePumpAmmMigrationEvent":
            assert fields["mint"] in full
            quote = fields["quote_mint"]
            quote = accounts.WSOL_KEY if quote == accounts.NOBODY else quote
            assert fields["pool"] == accounts.canonical_pool(fields["mint"], quote)[0]
            migrated.add(fields["mint"])
    assert migrated
    assert migrated <= full


def test_a_coins_addresses_are_those_that_the_program_derives() -> None:
    for event in ledger():
        fields = event.fields
        if event.name == "CreateEvent":
            assert fields["bonding_curve"] == accounts.bonding_curve(fields["mint"])
            assert accounts.text(fields["mint"]).endswith("pump")
        elif event.name == "CreatePoolEvent":
            assert fields["creator"] == accounts.pool_authority(fields["base_mint"])
            assert fields["lp_mint"] == accounts.lp_mint(fields["pool"])
