"""Balances in the generated transactions agree with their events and with one another."""

from collections import Counter, defaultdict
from typing import Any

from curvetape.simulator import accounts
from curvetape.simulator.events import Emitted
from curvetape.testing.simulated import Info, first_blocks, keys
from domain.curve import POOL_TOKENS, TOKEN_SUPPLY

BLOCKS = 120


def with_events() -> list[tuple[Info, list[Emitted]]]:
    """Every transaction with the events that it landed."""
    pairs = []
    for block, emitted in first_blocks(BLOCKS):
        by_index = defaultdict(list)
        for event in emitted:
            by_index[event.transaction_index].append(event)
        pairs += [(info, by_index[info.index]) for info in block.transactions]
    return pairs


def tokens(balances: Any) -> dict[int, int]:
    """Token amounts by account index."""
    return {balance.account_index: int(balance.ui_token_amount.amount) for balance in balances}


def held(info: Info, account: bytes, *, after: bool) -> int:
    """What a token account holds before or after a transaction."""
    balances = info.meta.post_token_balances if after else info.meta.pre_token_balances
    return tokens(balances)[keys(info).index(account)]


def test_no_lamport_comes_from_nowhere() -> None:
    for info, _ in with_events():
        meta = info.meta
        assert sum(meta.pre_balances) == sum(meta.post_balances) + meta.fee


def test_a_failed_transaction_costs_its_fee_and_moves_nothing_else() -> None:
    failed = [info for info, _ in with_events() if info.meta.HasField("err")]
    assert failed
    for info in failed:
        meta = info.meta
        assert meta.pre_balances[0] - meta.fee == meta.post_balances[0]
        assert meta.pre_balances[1:] == meta.post_balances[1:]
        assert list(meta.pre_token_balances) == list(meta.post_token_balances)


def test_tokens_are_only_made_by_launches_and_only_lost_by_burns() -> None:
    for info, emitted in with_events():
        sums: Counter[str] = Counter()
        for balance in info.meta.post_token_balances:
            sums[balance.mint] += int(balance.ui_token_amount.amount)
        for balance in info.meta.pre_token_balances:
            sums[balance.mint] -= int(balance.ui_token_amount.amount)
        for event in emitted:
            fields = event.fields
            if event.name == "CreateEvent":
                made = 2 * TOKEN_SUPPLY if fields["is_mayhem_mode"] else TOKEN_SUPPLY
                sums[accounts.text(fields["mint"])] -= made
            elif event.name == "BoostBuyAndBurnEvent":
                sums[accounts.text(fields["mint"])] += fields["base_amount_burned"]
        changed = {mint for mint, change in sums.items() if change}
        # Wrapped SOL is made of lamports, whose sums are proven above.
        assert changed <= {accounts.text(accounts.WSOL_KEY)}


def test_a_curves_token_account_holds_what_its_trade_says() -> None:
    seen = 0
    for info, emitted in with_events():
        names = [event.name for event in emitted]
        if "PostCompleteBuyEvent" in names:
            continue
        for event in emitted:
            if event.name != "TradeEvent":
                continue
            fields = event.fields
            curve_ata = accounts.associated(accounts.bonding_curve(fields["mint"]), fields["mint"])
            assert held(info, curve_ata, after=True) == fields["real_token_reserves"] + POOL_TOKENS
            seen += 1
    assert seen > 300


def test_a_user_gets_and_gives_the_tokens_that_the_trade_says() -> None:
    for info, emitted in with_events():
        for event in emitted:
            if event.name not in ("BuyEvent", "SellEvent"):
                continue
            fields, place = event.fields, keys(info).index(event.fields["user_base_token_account"])
            before = tokens(info.meta.pre_token_balances).get(place, 0)
            after = tokens(info.meta.post_token_balances)[place]
            assert before == fields["user_base_token_reserves"]
            if event.name == "BuyEvent":
                assert after - before == fields["base_amount_out"]
            else:
                assert before - after == fields["base_amount_in"]


def test_a_pools_vaults_hold_what_its_event_says_was_there_before() -> None:
    seen = 0
    for info, emitted in with_events():
        for event in emitted:
            if event.name not in ("BuyEvent", "SellEvent", "DepositEvent", "WithdrawEvent"):
                continue
            fields = event.fields
            pool = accounts.text(fields["pool"])
            vaults = sorted(
                int(balance.ui_token_amount.amount)
                for balance in info.meta.pre_token_balances
                if balance.owner == pool
            )
            assert vaults == sorted(
                (fields["pool_base_token_reserves"], fields["pool_quote_token_reserves"])
            )
            seen += 1
    assert seen > 300


def test_a_sol_curves_lamports_move_by_the_trades_amounts() -> None:
    for info, emitted in with_events():
        if len(emitted) != 1 or emitted[0].name != "TradeEvent":
            continue
        fields = emitted[0].fields
        if fields["quote_mint"] != accounts.NOBODY:
            continue
        place = keys(info).index(accounts.bonding_curve(fields["mint"]))
        moved = info.meta.post_balances[place] - info.meta.pre_balances[place]
        sign = 1 if fields["is_buy"] else -1
        kept = 0
        if fields["fee_recipient"] == accounts.NOBODY:
            kept = fields["fee"] + fields["creator_fee"] - fields["buyback_fee"]
        assert moved == sign * fields["sol_amount"] + kept


def paid_to(info: Info, owners: tuple[bytes, ...]) -> int:
    """What wallets and token accounts of these owners gained, all in their smallest units."""
    meta, known = info.meta, keys(info)
    lamports = sum(
        after - before
        for address, before, after in zip(known, meta.pre_balances, meta.post_balances, strict=True)
        if address in owners
    )
    names = {accounts.text(owner) for owner in owners}
    before, after = (
        sum(int(it.ui_token_amount.amount) for it in side if it.owner in names)
        for side in (meta.pre_token_balances, meta.post_token_balances)
    )
    return lamports + after - before


def test_every_trade_pays_for_buybacks_at_once_whether_or_not_it_keeps_its_fees() -> None:
    kept: Counter[tuple[str, bool]] = Counter()
    for info, emitted in with_events():
        trades = [event for event in emitted if "buyback_fee" in event.fields]
        assert paid_to(info, accounts.BUYBACK_RECIPIENTS) == sum(
            event.fields["buyback_fee"] for event in trades
        )
        for event in trades:
            recipient = event.fields.get(
                "fee_recipient", event.fields.get("protocol_fee_recipient")
            )
            kept[event.name, recipient == accounts.NOBODY] += 1
    kinds = {(name, is_kept) for name, is_kept in kept if name != "PostCompleteBuyEvent"}
    assert kinds == {
        (name, is_kept)
        for name in ("TradeEvent", "BuyEvent", "SellEvent")
        for is_kept in (True, False)
    }
    assert any(name == "PostCompleteBuyEvent" for name, _ in kept)


def test_amounts_are_shown_with_the_decimals_of_their_mint() -> None:
    for info, _ in with_events():
        for balance in (*info.meta.pre_token_balances, *info.meta.post_token_balances):
            amount = balance.ui_token_amount
            whole, _, rest = amount.ui_amount_string.partition(".")
            assert int(whole + rest.ljust(amount.decimals, "0")) == int(amount.amount)
            assert not rest.endswith("0")
            assert amount.ui_amount == int(amount.amount) / 10**amount.decimals
