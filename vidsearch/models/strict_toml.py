"""Conversion of TOML tables to typed structs; an error names the field, the rule and the value."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from vidsearch.errors import PackFormatError

T = TypeVar("T")

_RULES: Final[dict[type[inspect.Type], str]] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StrType: "a text",
    inspect.StructType: "a table",
    inspect.ListType: "an array of tables",
}
_MAX_VALUE_CHARACTERS: Final = 60


def convert(document: dict[str, Any], kind: type[T]) -> T:
    """Return a TOML table as a struct, without converting any type.

    Raises:
        PackFormatError: A field is missing, unknown, too large or of another type.

    Example:
        >>> class Size(msgspec.Struct):
        ...     width: int
        >>> convert({"width": "6"}, Size)
        Traceback (most recent call last):
            ...
        vidsearch.errors.PackFormatError: width must be a whole number; got '6'
    """
    try:
        return msgspec.convert(document, kind, strict=True)
    except msgspec.ValidationError as error:
        raise PackFormatError(_message(document, kind, str(error))) from error


def _message(document: dict[str, Any], kind: type, text: str) -> str:
    """Return the message for an error of ``msgspec``, with rule and value."""
    match = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", text)
    reason, path = (match[1], match[2] or "") if match is not None else (text, "")
    field = re.search(r"(missing required|unknown) field `(.*)`", reason)
    if field is not None:
        path = f"{path}.{field[2]}" if path else field[2]
        if field[1] == "unknown":
            return f"unknown field {path}"
        return f"field {path} is missing; it must be {_rule(kind, path)}"
    if "out of range" in reason:
        return f"{path} is too large"
    value: Any = document
    for name, index in _steps(path):
        value = value[int(index)] if index else value[name]
    shortened = repr(value)
    if len(shortened) > _MAX_VALUE_CHARACTERS:
        shortened = shortened[: _MAX_VALUE_CHARACTERS - 3] + "..."
    return f"{path} must be {_rule(kind, path)}; got {shortened}"


def _rule(kind: type, path: str) -> str:
    field_type: Any = inspect.type_info(kind)
    for name, index in _steps(path):
        if isinstance(field_type, inspect.UnionType):
            field_type = next(t for t in field_type.types if not isinstance(t, inspect.StrType))
        if isinstance(field_type, inspect.StructType):
            field_type = next(
                field.type for field in field_type.fields if field.encode_name == name
            )
        elif isinstance(field_type, inspect.TupleType):
            field_type = field_type.item_types[int(index)]
        else:
            field_type = field_type.item_type
    return _type_text(field_type)


def _type_text(field_type: Any) -> str:
    if isinstance(field_type, inspect.UnionType):
        options = [t for t in field_type.types if not isinstance(t, inspect.NoneType)]
        return " or ".join(map(_type_text, options))
    if isinstance(field_type, inspect.TupleType):
        item = field_type.item_types[0]
        items = "numbers" if isinstance(item, inspect.FloatType) else "points [x, y]"
        return f"a list of {len(field_type.item_types)} {items}"
    return _RULES[type(field_type)]


def _steps(path: str) -> list[tuple[str, str]]:
    """Return the steps of a path: (field name, "") or ("", list index)."""
    return re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
