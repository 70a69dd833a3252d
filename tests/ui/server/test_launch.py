"""Command line of the app: it holds no secret and switches off what sends data."""

from __future__ import annotations

import pytest

from ui.server.launch import command, options
from ui.service.settings import UiSettings

SECRET = "a-secret-of-many-characters"


def test_a_list_of_processes_shows_no_token() -> None:
    settings = UiSettings(catalog="/c", address="0.0.0.0", token=SECRET)
    assert SECRET not in " ".join(command(settings, browser=True))
    assert SECRET not in repr(settings)
    assert SECRET in next(iter(settings.to_environment().values()))


@pytest.mark.parametrize(
    ("address", "browser", "headless"),
    [
        ("localhost", True, "false"),
        ("localhost", False, "true"),
        ("0.0.0.0", True, "true"),  # a server has no screen
    ],
)
def test_a_browser_is_opened_on_this_machine_only(
    address: str, browser: bool, headless: str
) -> None:
    settings = UiSettings(catalog="/c", address=address, port=9000, token=SECRET)
    values = options(settings, browser=browser)
    assert values["server.headless"] == headless
    assert (values["server.address"], values["server.port"]) == (address, "9000")


def test_nothing_is_sent_to_others_and_no_file_is_served_by_name() -> None:
    values = options(UiSettings(catalog="/c"), browser=False)
    assert values["browser.gatherUsageStats"] == "false"
    assert values["server.enableStaticServing"] == "false"
    assert values["server.enableXsrfProtection"] == "true"
    assert values["client.showErrorDetails"] == "none"
