"""Settings of the app, passed to its process in one environment variable."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from vidsearch.errors import ConfigError

VARIABLE = "VIDSEARCH_UI"
TOKEN_VARIABLE = "VIDSEARCH_UI_TOKEN"  # noqa: S105 (a name)
FOLLOW = "VIDSEARCH_UI_FOLLOW"
"""Environment variable of a process that must end with its parent."""

MIN_TOKEN_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UiSettings:
    """Settings of the app.

    Attributes:
        catalog: Folder of the catalog.
        address: Listening address of the server.
        port: Listening port of the server.
        roots: Folders below which videos may be indexed and reports opened, absolute.
        token: Secret that visitors must enter; None: no token.
        oidc: Visitors sign in with the OpenID Connect provider of Streamlit's secrets.
    """

    catalog: str
    address: str = "localhost"
    port: int = 8501
    roots: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    oidc: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ConfigError(f"--port must be from 1 to 65535; got {self.port}")
        if self.token is not None and len(self.token) < MIN_TOKEN_LENGTH:
            raise ConfigError(
                f"--token must have at least {MIN_TOKEN_LENGTH} characters; got {len(self.token)}; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        if not is_local(self.address) and self.token is None and not self.oidc:
            raise ConfigError(
                f"--address {self.address} opens the app to other machines, and the archive holds "
                f"faces: pass --token-file with a secret of {MIN_TOKEN_LENGTH} characters or more, "
                "or --oidc"
            )

    def admits(self, token: str) -> bool:
        """Return True if the text is the token; the comparison takes constant time."""
        if self.token is None:
            return False
        return hmac.compare_digest(self.token.encode(), token.encode("utf-8", "replace"))

    def to_environment(self) -> dict[str, str]:
        """Return the environment variable for the app; a command line would show the token."""
        return {VARIABLE: json.dumps(asdict(self))}

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> UiSettings:
        """Return the settings written by ``to_environment``.

        Raises:
            ConfigError: The variable is missing.
        """
        text = environment.get(VARIABLE)
        if text is None:
            raise ConfigError("the app was not started by 'vidsearch ui CATALOG'; use that command")
        fields = json.loads(text)
        return UiSettings(**{**fields, "roots": tuple(fields["roots"])})


def is_local(address: str) -> bool:
    """Return True if only this machine can reach a server at this address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
