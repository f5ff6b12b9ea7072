"""Settings: read from variables, refused by name, handed on to other processes."""

import pytest
from click.testing import CliRunner

from curvetape.cli import up
from curvetape.config import Settings, SettingsError, environment, load, table


def test_without_variables_every_setting_has_its_default() -> None:
    assert load({}) == Settings()


def test_a_variable_sets_its_field_in_the_fields_type() -> None:
    settings = load({"CURVETAPE_API_PORT": "9000", "CURVETAPE_ALLOW_UNSYNCED_LOG": "true"})
    assert (settings.api_port, settings.allow_unsynced_log) == (9000, True)


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load({"CURVETAPE_NATS_URL": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CURVETAPE_API_PORT", "http"),
        ("CURVETAPE_API_PORT", "0"),
        ("CURVETAPE_SIMULATE_RATE", "-1"),
        ("CURVETAPE_SIMULATE_SLOTS", "0"),
        ("CURVETAPE_COMMITMENT", "sure"),
        ("CURVETAPE_METRICS_LISTEN", "9100"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_the_variables_name(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load({variable: value})
    assert variable in str(refused.value)
    assert value in str(refused.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "0"),
        ("--rate", "nan"),
        ("--seed", "-1"),
        ("--slots", "0"),
        ("--genesis-time", "-1"),
    ],
)
def test_an_option_of_up_is_held_to_its_variables_limits(option: str, value: str) -> None:
    """The processes that it starts read it as a variable, and would all refuse it."""
    result = CliRunner().invoke(up.command, [option, value])
    assert result.exit_code == 2
    assert "CURVETAPE_SIMULATE_" in result.output


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError, match=r"did you mean CURVETAPE_API_PORT\?"):
        load({"CURVETAPE_APIPORT": "9000"})


def test_a_variable_like_no_setting_is_refused_too() -> None:
    with pytest.raises(SettingsError, match="no such setting"):
        load({"CURVETAPE_COLOUR": "green"})


def test_variables_for_the_tests_are_not_settings() -> None:
    assert load({"CURVETAPE_TEST_TIMESCALE_DSN": "postgresql://x"}) == Settings()


def test_settings_written_to_an_environment_read_back_the_same() -> None:
    settings = load({"CURVETAPE_SIMULATE_SLOTS": "40", "CURVETAPE_ALLOW_UNSYNCED_LOG": "true"})
    assert load(environment(settings)) == settings


def test_the_table_has_each_setting_with_a_meaning() -> None:
    rows = table()
    assert len(rows) == len(Settings.__struct_fields__)
    assert all(meaning.endswith(".") for _, _, meaning in rows)
