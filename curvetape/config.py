"""Every setting of the product: one typed object, read once from the environment."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, get_type_hints

import msgspec
from msgspec import Meta

from projections.labels import ABOUT_TO_GRADUATE, NEW_S, PROGRESS_MIN

PREFIX = "CURVETAPE_"


class SettingsError(ValueError):
    """A variable holds something that its setting cannot be."""

    def __init__(self, variable: str, value: str, reason: str) -> None:
        super().__init__(f"{variable} was {value!r}: {reason}")
        self.variable = variable
        self.value = value


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set. Each field is the variable `CURVETAPE_<FIELD>`, in capitals."""

    home: Annotated[
        str, Meta(description="Folder of all data, logs and sockets of the embedded servers.")
    ] = ".curvetape"
    nats_url: Annotated[
        str | None, Meta(description="A NATS server to use; without it one is started.")
    ] = None
    nats_monitor_url: Annotated[
        str | None,
        Meta(description="That server's monitoring address, which proves that it syncs writes."),
    ] = None
    allow_unsynced_log: Annotated[
        bool,
        Meta(description="Append to a log whose server does not prove fsync before its ack."),
    ] = False
    archive_url: Annotated[
        str | None,
        Meta(
            description="The archive: a folder, or an object store as in `s3://bucket/prefix`. "
            "What the stream has let go of is read there."
        ),
    ] = None
    postgres_dsn: Annotated[
        str | None,
        Meta(description="A PostgreSQL or TimescaleDB to use; without it one is started."),
    ] = None
    redis_url: Annotated[
        str | None, Meta(description="A Redis or Valkey to use; without it one is started.")
    ] = None
    meili_url: Annotated[
        str | None,
        Meta(description="A Meilisearch to search tokens in; without it PostgreSQL is searched."),
    ] = None
    meili_key: Annotated[
        str | None,
        Meta(description="That server's key, which may write to indexes `curvetape-*`."),
    ] = None
    yellowstone_url: Annotated[
        str | None,
        Meta(
            description="Yellowstone gRPC endpoints by commas, all read at once; without one a "
            "simulated chain is started."
        ),
    ] = None
    yellowstone_token: Annotated[
        str | None,
        Meta(
            description="The `x-token` of every endpoint whose address has no `?token=…` of "
            "its own."
        ),
    ] = None
    rpc_url: Annotated[
        str | None,
        Meta(description="A Solana JSON-RPC node that is asked for blocks no endpoint sent."),
    ] = None
    rpc_rate: Annotated[
        float, Meta(gt=0, le=1_000, description="Questions a second to that node, at most.")
    ] = 10.0
    commitment: Annotated[
        Literal["processed", "confirmed"],
        Meta(
            description="When a transaction is appended: as soon as it was executed, and taken "
            "back if its fork dies; or with its confirmed block."
        ),
    ] = "processed"
    ingest_workers: Annotated[
        int,
        Meta(ge=0, le=64, description="Processes that decode; 0 decodes in ingest itself."),
    ] = 0
    raw_hours: Annotated[
        float,
        Meta(ge=0, le=8_760, description="How long raw transactions are kept in `RAW`; 0 for not."),
    ] = 0.0
    describe: Annotated[
        bool | None,
        Meta(
            description="Whether `up` reads tokens' metadata as `describe` does; without it, only "
            "that of a simulated market."
        ),
    ] = None
    describe_rate: Annotated[
        float, Meta(gt=0, le=1_000, description="Tokens a second whose metadata is asked for.")
    ] = 10.0
    describe_parallel: Annotated[
        int, Meta(ge=1, le=256, description="Tokens whose metadata is asked for at once.")
    ] = 16
    describe_allow: Annotated[
        str | None,
        Meta(
            description="Hosts with their ports, by commas, that may be asked for metadata though "
            "they are not public."
        ),
    ] = None
    ipfs_gateways: Annotated[
        str,
        Meta(description="Where what an IPFS address names is asked for, by commas, in turn."),
    ] = "https://ipfs.io/ipfs/,https://dweb.link/ipfs/"
    simulate_rate: Annotated[
        float, Meta(gt=0, le=50_000, description="Transactions per second of the simulated chain.")
    ] = 200.0
    simulate_seed: Annotated[
        int, Meta(ge=0, description="Seed of the simulated chain; the same seed, the same chain.")
    ] = 1
    simulate_slots: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Slots after which the simulated chain stops; endless without."),
    ] = None
    simulate_genesis_time_s: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Unix time of the simulated chain's first slot; now without."),
    ] = None
    simulate_transactions: Annotated[
        str | None,
        Meta(description="Folder of recorded JSON-RPC transactions to serve instead of a market."),
    ] = None
    api_host: Annotated[str, Meta(description="Address that the API listens on.")] = "127.0.0.1"
    api_port: Annotated[int, Meta(ge=1, le=65_535, description="Port that the API listens on.")] = (
        8080
    )
    api_cors_origins: Annotated[
        str, Meta(description="Origins that browsers may call the API from, by commas.")
    ] = "*"
    api_workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Processes that answer; with more than one, long polling needs a proxy "
            "whose sessions are sticky.",
        ),
    ] = 1
    api_cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=65_536,
            description="Memory in MB that each process of the API keeps answers in; 0 for none.",
        ),
    ] = 64
    api_hsts_s: Annotated[
        int,
        Meta(
            ge=0,
            le=63_072_000,
            description="Seconds for which browsers shall come by HTTPS only; for an API behind a "
            "proxy that speaks it.",
        ),
    ] = 0
    api_access: Annotated[
        Literal["open", "key-only"],
        Meta(description="Whether everyone is answered, or only who has a key."),
    ] = "open"
    api_keys: Annotated[
        str | None,
        Meta(
            description="Keys that are known, `name=digest` or `name=digest@rate` by commas, as "
            "`curvetape key` prints them."
        ),
    ] = None
    api_proxies: Annotated[
        str | None,
        Meta(
            description="Proxies, addresses or networks by commas, that are believed whom they ask "
            "for in `X-Forwarded-For`."
        ),
    ] = None
    api_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Requests a second that each key, or else each address, may make; 0 for "
            "any number.",
        ),
    ] = 100
    api_abuse: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000_000,
            description="Refusals within a minute after which whoever asks is blocked.",
        ),
    ] = 1_000
    api_block_s: Annotated[
        int,
        Meta(ge=0, le=86_400, description="Seconds for which they are blocked; 0 for never."),
    ] = 60
    graphql_introspection: Annotated[
        bool, Meta(description="Whether GraphQL tells its schema to those who ask for it.")
    ] = True
    graphql_depth_max: Annotated[
        int, Meta(ge=1, le=100, description="Fields within fields that a GraphQL query may have.")
    ] = 12
    graphql_cost_max: Annotated[
        int,
        Meta(ge=1, description="What a GraphQL query may cost: about the rows it looks at."),
    ] = 10_000
    graphql_allowed: Annotated[
        str | None,
        Meta(
            description="Folder of the only GraphQL queries that are run, `*.graphql`; without it "
            "all are."
        ),
    ] = None
    metrics_listen: Annotated[
        Annotated[str, Meta(pattern=r"^\S+:\d{1,5}$")] | None,
        Meta(
            description="Where `ingest` or `project` answers `/metrics`, as `host:port`. `up` "
            "gives them this port and the next, or free ones."
        ),
    ] = None
    projections: Annotated[
        str | None,
        Meta(
            description="Read models of your own, `module:attribute` by commas; see "
            "docs/tutorial-projection.md."
        ),
    ] = None
    label_new_s: Annotated[
        int, Meta(ge=0, description="A token is `new` while it is younger than so many seconds.")
    ] = NEW_S
    label_about_to_graduate: Annotated[
        float,
        Meta(
            ge=PROGRESS_MIN,
            le=1,
            description="A token is `about_to_graduate` once its curve has sold this share, 0.5 to "
            "1, of its tokens.",
        ),
    ] = ABOUT_TO_GRADUATE
    retain_trades_days: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(
            description="For how many days `curvetape projections trim` keeps trades; without it, "
            "and unless it is called, for ever."
        ),
    ] = None
    retain_candles: Annotated[
        str | None,
        Meta(
            description="For how many days `curvetape projections trim` keeps candles of short "
            "intervals, as in `1s=7,15s=90`; without it, and unless it is called, for ever."
        ),
    ] = None
    project_batch_max: Annotated[
        int, Meta(ge=1, le=50_000, description="Events applied and saved in one transaction.")
    ] = 10_000
    project_part: Annotated[
        Annotated[str, Meta(pattern=r"^\d{1,3}/\d{1,3}$")] | None,
        Meta(
            description="Which part of the tokens `project` takes of how many, as in `2/4`, where "
            "several share the work; see docs/projections.md."
        ),
    ] = None
    sniper_slots: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Slots, the launch's the first, in which a wallet's first buy makes it a "
            "sniper; 12 are about five seconds.",
        ),
    ] = 12
    bundle_slots: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Slots, the launch's the first, in which a wallet's first buy can make it "
            "a bundler.",
        ),
    ] = 1
    bundle_wallets: Annotated[
        int, Meta(ge=1, le=1_000, description="As many wallets have to buy in them for a bundle.")
    ] = 4
    insider_percent: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="The least part of its tokens that an insider got otherwise than by "
            "buying.",
        ),
    ] = 50


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; `SettingsError` names the variable that does not fit.

    Unknown `CURVETAPE_…` variables are refused too: they are nearly always a misspelt setting.
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + field.upper(): field for field in Settings.__struct_fields__}
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable.startswith(PREFIX + "TEST_"):
            continue
        if variable not in known:
            close = get_close_matches(variable, known, n=1, cutoff=0.8)
            hint = f"did you mean {close[0]}?" if close else "the README has a table of all"
            raise SettingsError(variable, value, f"there is no such setting; {hint}")
        if value == "":
            continue
        field = known[variable]
        values[field] = _checked(variable, value, hints[field])
    return Settings(**values)  # type: ignore[arg-type]  # converted field by field above


def replaced(settings: Settings, values: Mapping[str, object]) -> Settings:
    """The settings with some fields of other values, held to the same limits as variables are."""
    hints = get_type_hints(Settings, include_extras=True)
    checked = {
        field: _checked(PREFIX + field.upper(), value, hints[field])
        for field, value in values.items()
    }
    return msgspec.structs.replace(settings, **checked)


def _checked(variable: str, value: object, hint: object) -> object:
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(variable, str(value), str(error)) from error


def environment(settings: Settings) -> dict[str, str]:
    """The variables that `load` reads these settings from; what is `None` is empty."""
    written = msgspec.to_builtins(settings, str_keys=True)
    return {
        PREFIX + field.upper(): "" if value is None else str(value)
        for field, value in written.items()
    }


def table() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, meaning), in the order of declaration."""
    hints = get_type_hints(Settings, include_extras=True)
    defaults = Settings()
    rows = []
    for field in Settings.__struct_fields__:
        default = getattr(defaults, field)
        meaning = next(meta.description for meta in hints[field].__metadata__ if meta.description)
        rows.append((PREFIX + field.upper(), "" if default is None else str(default), meaning))
    return rows
