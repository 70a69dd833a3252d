"""Sign-in with an OpenID Connect provider: required settings, and a check of cookies."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.storage.user_folders import home_folder
from vidsearch.text.parse import read_json, read_toml

REQUIRED_KEYS = (
    "redirect_uri",
    "cookie_secret",
    "client_id",
    "client_secret",
    "server_metadata_url",
)
"""Required keys of the section ``[auth]`` in Streamlit's secrets."""


def secrets_files() -> tuple[Path, ...]:
    """Return the secrets files that Streamlit reads; a later file overrides an earlier file."""
    home = home_folder()
    folders = (*([home] if home is not None else []), Path.cwd())
    return tuple(folder / ".streamlit" / "secrets.toml" for folder in folders)


def require_provider(paths: tuple[Path, ...] | None = None) -> None:
    """Check before the start that the settings of the provider are complete.

    Raises:
        ConfigError: A file, a setting or a package is missing; the message names it.
    """
    files = paths if paths is not None else secrets_files()
    auth: dict[str, Any] = {}
    for path in files:
        auth |= _read_auth_section(path)
    if not auth:
        raise ConfigError(
            f"--oidc needs a section [auth] in {' or '.join(map(str, files))}, with "
            f"{', '.join(REQUIRED_KEYS)}; write it, or pass --token"
        )
    missing = [name for name in REQUIRED_KEYS if not auth.get(name)]
    if missing:
        raise ConfigError(
            f"--oidc needs {', '.join(missing)} in [auth] of {' or '.join(map(str, files))}"
        )
    if importlib.util.find_spec("authlib") is None:
        raise ConfigError("--oidc needs the package Authlib; pip install 'Authlib>=1.3.2'")


def _read_auth_section(path: Path) -> dict[str, Any]:
    try:
        section = read_toml(path.read_text(encoding="utf-8")).get("auth", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"--oidc: '{path}' cannot be read ({error}); correct the file") from error
    return section if isinstance(section, dict) else {}


def has_signed_in(cookies: Mapping[str, str]) -> bool:
    """Return True if Streamlit's signed cookies hold a sign-in by the provider."""
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    if not signed:
        return False
    try:
        return read_json(signed).get("is_logged_in") is True
    except (ValueError, AttributeError):
        return False
