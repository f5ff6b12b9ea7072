-- What the transaction of a wallet's last move reported to be in its accounts of the token, null
-- where it reported nothing. A report knows of transfers, which the sums of moves do not.
alter table holders drop column balance, drop column received, add column reported numeric;
alter table holders
    add column balance numeric not null generated always as (
        coalesce(reported, greatest(bought - sold + withdrawn - deposited, 0))
    ) stored,
    -- Held or given away without having come by any of these moves: it came by transfers.
    add column received numeric not null generated always as (
        greatest(
            coalesce(reported, greatest(bought - sold + withdrawn - deposited, 0))
                - (bought - sold + withdrawn - deposited),
            0
        )
    ) stored,
    -- Gone without having left by any of these moves.
    add column sent numeric not null generated always as (
        greatest(bought - sold + withdrawn - deposited - coalesce(reported,
            greatest(bought - sold + withdrawn - deposited, 0)), 0)
    ) stored;
