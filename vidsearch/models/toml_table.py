"""One TOML table read strictly: every field is asked for by type, and none may be left over."""

from __future__ import annotations

from typing import Any, overload

from vidsearch.errors import PackFormatError

_REQUIRED: Any = object()


class Table:
    """A TOML table whose fields are taken one by one.

    Every method names the field in full (``embedder.dim``) in its complaint.
    """

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = dict(values)
        self._path = path

    @overload
    def text(self, key: str) -> str: ...

    @overload
    def text(self, key: str, default: str) -> str: ...

    @overload
    def text(self, key: str, default: None) -> str | None: ...

    def text(self, key: str, default: str | None = _REQUIRED) -> str | None:
        """Take a string."""
        value: str | None = self._take(key, str, "a text", default)
        return value

    def integer(self, key: str) -> int:
        """Take a whole number."""
        value: int = self._take(key, int, "a whole number", _REQUIRED)
        return value

    def flag(self, key: str) -> bool:
        """Take true or false."""
        value: bool = self._take(key, bool, "true or false", _REQUIRED)
        return value

    @overload
    def number(self, key: str) -> float: ...

    @overload
    def number(self, key: str, default: float) -> float: ...

    @overload
    def number(self, key: str, default: None) -> float | None: ...

    def number(self, key: str, default: float | None = _REQUIRED) -> float | None:
        """Take a number, whole or not."""
        value = self._take(key, (int, float), "a number", default)
        return None if value is None else _to_float(value, self._full(key))

    def triple(self, key: str) -> tuple[float, float, float]:
        """Take a list of three numbers."""
        values = self._take(key, list, "a list of three numbers", _REQUIRED)
        if len(values) != 3:
            raise self._wrong(key, "a list of three numbers", values)
        first, second, third = (_to_float(value, self._full(key)) for value in values)
        return first, second, third

    def points(self, key: str) -> tuple[tuple[float, float], ...]:
        """Take a list of five (x, y)."""
        rows = self._take(key, list, "a list of five points", _REQUIRED)
        if len(rows) != 5 or not all(isinstance(row, list) and len(row) == 2 for row in rows):
            raise self._wrong(key, "a list of five points, each [x, y]", rows)
        name = self._full(key)
        return tuple((_to_float(x, name), _to_float(y, name)) for x, y in rows)

    def table(self, key: str) -> Table:
        """Take a sub-table."""
        return Table(self._take(key, dict, "a table", _REQUIRED), self._full(key))

    def tables(self, key: str) -> list[Table]:
        """Take an array of tables."""
        rows = self._take(key, list, "an array of tables", _REQUIRED)
        if not all(isinstance(row, dict) for row in rows):
            raise self._wrong(key, "an array of tables", rows)
        return [Table(row, self._full(key)) for row in rows]

    def holds_table(self, key: str) -> bool:
        """Whether the field is a sub-table; nothing is taken."""
        return isinstance(self._values.get(key), dict)

    def finish(self) -> None:
        """Raise if a field was never asked for."""
        if self._values:
            left = ", ".join(sorted(self._full(key) for key in self._values))
            raise PackFormatError(f"unknown field {left}")

    def _take(self, key: str, kind: type | tuple[type, ...], rule: str, default: Any) -> Any:
        if key not in self._values:
            if default is _REQUIRED:
                raise PackFormatError(f"field {self._full(key)} is missing; it must be {rule}")
            return default
        value = self._values.pop(key)
        # Python's bool is an int; a TOML one is not a number.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._wrong(key, rule, value)
        return value

    def _full(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _wrong(self, key: str, rule: str, value: object) -> PackFormatError:
        shown = repr(value)
        return PackFormatError(
            f"{self._full(key)} must be {rule}; "
            f"got {shown if len(shown) <= 60 else shown[:57] + '...'}"
        )


def _to_float(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PackFormatError(f"{name} must hold numbers; got {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise PackFormatError(f"{name} is too large a number") from error
