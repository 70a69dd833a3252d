"""JSON that every reader accepts: finite numbers, valid Unicode, ASCII bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from vidsearch.text.printable import valid_unicode


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return a value as JSON in ASCII, so that it can be printed in every encoding.

    Lone surrogates are escaped as in ``valid_unicode``: strict readers refuse them, and others
    replace them. Write paths with ``portable_name``, which keeps their bytes.

    Example:
        >>> json_text({"reason": "é \udce9", "loss": float("nan")})
        '{"reason": "\\u00e9 \\\\xe9", "loss": null}'
    """
    return json.dumps(valid_json(value), indent=indent, allow_nan=False)


def valid_json(value: Any) -> Any:
    """Return a value with valid strings, and with null for numbers that are not finite."""
    if isinstance(value, str):
        return valid_unicode(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {valid_json(key): valid_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [valid_json(item) for item in value]
    return value
