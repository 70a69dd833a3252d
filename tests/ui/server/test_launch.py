"""Command line of the app: it holds no secret and switches off what sends data."""

from __future__ import annotations

import socket

import pytest

from ui.server.launch import command, options, require_free_port
from ui.service.settings import UiSettings
from vidsearch.errors import ConfigError

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


def test_uploads_and_pages_of_other_sites_are_limited() -> None:
    values = options(UiSettings(catalog="/c"), browser=False)
    assert values["server.maxUploadSize"] == "60"
    assert values["server.enableXsrfProtection"] == values["server.enableCORS"] == "true"
    assert values["server.enableStaticServing"] == "false"


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1"])
def test_a_taken_port_is_named(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port {port} is in use by another program"):
            require_free_port(address, port)
    require_free_port(address, port)


def test_an_address_of_another_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"--address '192.0.2.1' cannot be used"):
        require_free_port("192.0.2.1", 8501)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(ConfigError, match=r"--address '\\x1b' is unknown \(Name or service"):
        require_free_port("\x1b", 8501)


def test_nothing_is_sent_to_others_and_no_file_is_served_by_name() -> None:
    values = options(UiSettings(catalog="/c"), browser=False)
    assert values["browser.gatherUsageStats"] == "false"
    assert values["server.enableStaticServing"] == "false"
    assert values["server.enableXsrfProtection"] == "true"
    assert values["client.showErrorDetails"] == "none"
