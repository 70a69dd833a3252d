"""Signing in with an OpenID Connect provider: what must be set up, and who has signed in."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError

NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
"""What Streamlit's ``[auth]`` must name."""


def secrets_files() -> tuple[Path, ...]:
    """Return where Streamlit looks for secrets; the later ones win."""
    return tuple(place / ".streamlit" / "secrets.toml" for place in (Path.home(), Path.cwd()))


def require_provider(places: tuple[Path, ...] | None = None) -> None:
    """Check, before the app starts, that visitors will be able to sign in.

    Raises:
        ConfigError: A file, a setting or a package is missing; the message says which.
    """
    looked_at = places if places is not None else secrets_files()
    auth: dict[str, Any] = {}
    for place in looked_at:
        auth |= _auth_of(place)
    if not auth:
        raise ConfigError(
            f"--oidc needs a section [auth] in {' or '.join(map(str, looked_at))}, with "
            f"{', '.join(NEEDED)}; write it, or pass --token"
        )
    missing = [name for name in NEEDED if not auth.get(name)]
    if missing:
        raise ConfigError(
            f"--oidc needs {', '.join(missing)} in [auth] of {' or '.join(map(str, looked_at))}"
        )
    if importlib.util.find_spec("authlib") is None:
        raise ConfigError("--oidc needs the package Authlib; pip install 'Authlib>=1.3.2'")


def _auth_of(place: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(place.read_text(encoding="utf-8")).get("auth", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"--oidc: '{place}' cannot be read ({error}); mend it") from error
    return found if isinstance(found, dict) else {}


def has_signed_in(cookies: Mapping[str, str]) -> bool:
    """Tell by the cookies that Streamlit signed whether the provider vouched for a visitor."""
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    if not signed:
        return False
    try:
        return json.loads(signed).get("is_logged_in") is True
    except (ValueError, AttributeError):
        return False
