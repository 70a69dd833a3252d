"""Configuration as TOML: types are kept, and a mistake names its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config.toml import from_table, override, parse_config, to_table, to_toml
from trainer.config.train import TrainConfig
from vidsearch.errors import ConfigError


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e300, 1e300)),
        max_size=3,
    ),
    st.floats(1e-12, 1e12),
)
def test_any_config_is_read_back_equal(
    path: str, options: dict[str, int | float], lr: float
) -> None:
    table = to_table(TrainConfig())
    table["data"]["path"] = path
    table["backbone"]["options"] = options
    table["optim"]["lr"] = lr
    config = from_table(TrainConfig, table)
    again = parse_config(to_toml(config))
    assert again == config
    kinds = {name: type(value) for name, value in config.backbone.options.items()}
    assert {name: type(value) for name, value in again.backbone.options.items()} == kinds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 1" + "0" * 5000, "not TOML"),
        ("seed = 0x1" + "0" * 5000, "an integer has more than 64 bits"),
        ("steps = " + "[" * 100_000, "not TOML"),
        ("steps = true", "steps must be a whole number; got True"),
        ("[optim]\nlr = false", "optim.lr must be a number; got False"),
        ("[optim]\nlr = [0.1]", r"optim.lr must be a number; got \[0.1\]"),
        ("[data]\npath = 3", "data.path must be a text; got 3"),
        ("[schedule]\nmilestones = 5", "schedule.milestones must be a list; got 5"),
        ("[schedule]\nmilestones = [1.5]", "milestones must be a whole number; got 1.5"),
        ("[schedule]\nkind = []", r"schedule.kind must be one of .*; got \[\]"),
        ("optim = 3", "optim is a table of fields; got 3"),
        (
            "[loss.margin]\nangle = 1",
            r"unknown field loss\.margin\.angle; loss\.margin has angle_factor",
        ),
        ("steps = 2024-05-31", "steps must be a whole number; got datetime.date"),
        ('[backbone.options]\nwidth = "wide"', "backbone.options.width must be a number"),
    ],
)
def test_a_value_of_another_type_names_its_field(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(text)


def test_whole_numbers_become_floats_except_in_options() -> None:
    config = parse_config("[optim]\nlr = 1\n[backbone.options]\ndepth = 3\nwidth = 0.5\n")
    assert type(config.optim.lr) is float
    assert type(config.backbone.options["depth"]) is int


def test_rules_are_checked_after_all_settings() -> None:
    # Neither setting is valid alone: the milestones lie beyond the default end.
    settings = ["schedule.milestones=[40000]", "steps=50000"]
    for order in (settings, settings[::-1]):
        assert override(TrainConfig(), order).schedule.milestones == (40000,)
    assert override(TrainConfig(), ["batch=8", "batch=16"]).batch == 16, "the last one counts"


@pytest.mark.parametrize("setting", ["optim.lr.x=1", "=3", "optim=", ".=1", "optim..lr=1"])
def test_settings_that_name_no_field(setting: str) -> None:
    with pytest.raises(ConfigError):
        override(TrainConfig(), [setting])


def test_the_original_stays_unchanged() -> None:
    config = TrainConfig()
    override(config, ["backbone.options.width=0.5", "optim.lr=7"])
    assert config == TrainConfig()
