"""Parsers of JSON and TOML from files of others: every fault is a ``ValueError``."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

_INTEGERS: Final = range(-(2**63), 2**63)


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON document.

    Args:
        text: The document.

    Raises:
        ValueError: It is not JSON, has an integer of thousands of digits, or is nested too deeply.

    Example:
        >>> read_json("[" * 100_000)
        Traceback (most recent call last):
            ...
        ValueError: it is nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML document.

    Args:
        text: The document.

    Raises:
        ValueError: It is not TOML, has an integer of more than 64 bits, or is nested too deeply.

    Example:
        >>> read_toml("a = 0x1_0000_0000_0000_0000")
        Traceback (most recent call last):
            ...
        ValueError: an integer has more than 64 bits
    """
    try:
        table = tomllib.loads(text)
        _check_integers(table)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return table


def _check_integers(value: Any) -> None:
    # TOML promises 64 bits. Python cannot even print an integer of thousands of digits.
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_integers(item)
    elif isinstance(value, int) and value not in _INTEGERS:
        raise ValueError("an integer has more than 64 bits")
