"""Settings: addresses, tokens, and the start of the app's process."""

from __future__ import annotations

import pytest

from ui.server.launch import command, options
from ui.service.settings import UiSettings, is_local
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError

SECRET = "0123456789abcdef"


def test_the_world_gets_in_only_with_a_secret() -> None:
    for address in ("0.0.0.0", "::", "192.168.1.7", "archive.example.org"):
        with pytest.raises(ConfigError, match=r"--address .* pass --token"):
            UiSettings(catalog="c", address=address)
        assert UiSettings(catalog="c", address=address, token=SECRET).admits(SECRET)
        assert UiSettings(catalog="c", address=address, oidc=True).oidc
    for address in ("localhost", "127.0.0.1", "::1", "127.8.9.1"):
        assert UiSettings(catalog="c", address=address).token is None


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 16 characters; got 15"):
        UiSettings(catalog="c", token=SECRET[:15])


@pytest.mark.parametrize("guess", ["", SECRET[:-1], SECRET + "0", "é" * 16, "\udc80" * 16])
def test_a_wrong_token_is_refused(guess: str) -> None:
    assert not UiSettings(catalog="c", token=SECRET).admits(guess)


def test_without_a_token_none_is_right() -> None:
    assert not UiSettings(catalog="c").admits("")


def test_settings_survive_the_way_to_the_child() -> None:
    before = UiSettings(catalog="/a b/ö", roots=("/x", "/y"), token=SECRET, port=9000)
    assert UiSettings.from_environment(before.to_environment()) == before
    assert SECRET not in repr(before)
    assert not any(SECRET in word for word in command(before, browser=False))


def test_nothing_is_sent_to_anybody_and_only_this_machine_is_served() -> None:
    used = options(UiSettings(catalog="c"), browser=False)
    assert used["browser.gatherUsageStats"] == "false"
    assert used["server.address"] == "localhost"
    assert used["client.showErrorDetails"] == "none"


def test_a_port_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 65535; got 70000"):
        UiSettings(catalog="c", port=70_000)


def test_local_addresses() -> None:
    assert is_local("[::1]")
    assert not is_local("localhost.example.org")


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str], own: object) -> None:
    assert main(["ui", "/nowhere/at/all"]) == 2
    assert "no catalog at" in capsys.readouterr().err
    assert main(["ui", str(own), "--address", "0.0.0.0"]) == 2
    assert "pass --token" in capsys.readouterr().err
    assert main(["ui", str(own), "--root", "/nowhere/at/all"]) == 2
    assert "--root '/nowhere/at/all' is not a folder" in capsys.readouterr().err
