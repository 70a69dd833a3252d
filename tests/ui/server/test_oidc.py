"""OpenID Connect: missing settings stop the start; only signed cookies count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ui.server.oidc import REQUIRED_KEYS, has_signed_in, require_provider
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError


def secrets(folder: Path, *lines: str) -> Path:
    path = folder / "secrets.toml"
    path.write_text("[auth]\n" + "\n".join(lines))
    return path


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "none.toml"
    with pytest.raises(ConfigError, match=r"--oidc needs a section \[auth\] in .*none\.toml"):
        require_provider((nowhere,))
    some = secrets(tmp_path, *(f'{name} = "x"' for name in REQUIRED_KEYS[:3]))
    with pytest.raises(ConfigError, match="needs client_secret, server_metadata_url in"):
        require_provider((nowhere, some))
    some.write_text("[auth\n")
    with pytest.raises(ConfigError, match=r"secrets\.toml' cannot be read"):
        require_provider((some,))
    whole = secrets(tmp_path, *(f'{name} = "x"' for name in REQUIRED_KEYS))
    monkeypatch.setattr("ui.server.oidc.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the package Authlib"):
        require_provider((whole,))
    monkeypatch.setattr("ui.server.oidc.importlib.util.find_spec", lambda name: object())
    require_provider((whole,))


def test_the_command_says_so(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["ui", str(own), "--oidc"]) == 2
    assert "--oidc needs a section [auth]" in capsys.readouterr().err


def test_only_what_streamlit_signed_counts() -> None:
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    def cookies(content: str, secret: str) -> dict[str, str]:
        signed = create_signed_value(secret, USER_COOKIE_NAME, content)
        return {USER_COOKIE_NAME: signed.decode("latin-1")}

    right = get_cookie_secret()
    inside = json.dumps({"is_logged_in": True, "origin": "http://localhost:8501"})
    assert has_signed_in(cookies(inside, right))
    assert not has_signed_in(cookies(inside, right + "x"))
    assert not has_signed_in(cookies(json.dumps({"is_logged_in": False}), right))
    assert not has_signed_in(cookies("[1]", right))
    assert not has_signed_in(cookies("no JSON", right))
    assert not has_signed_in({USER_COOKIE_NAME: inside})
    assert not has_signed_in({})
