"""Training configuration as TOML, and single fields overridden by name.

The field types of the configuration classes are the schema. A value that does not fit gives one
line: the field, the rule and the value.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from trainer.config.train import TrainConfig
from vidsearch.errors import ConfigError
from vidsearch.text.parse import read_toml
from vidsearch.text.printable import quoted

Config = TypeVar("Config")

_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}


def read_config(path: Path) -> TrainConfig:
    """Read a configuration file; fields that are absent keep their defaults.

    Raises:
        ConfigError: The file cannot be read, is not TOML, names an unknown field, or has a value of
            the wrong type or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path} cannot be read ({error}); check the path") from error
    try:
        return parse_config(text)
    except ConfigError as error:
        raise ConfigError(f"config {path}: {error}") from error


def parse_config(text: str) -> TrainConfig:
    """Return the configuration that a TOML text describes.

    Raises:
        ConfigError: See :func:`read_config`.
    """
    try:
        table = read_toml(text)
    except ValueError as error:
        raise ConfigError(f"not TOML ({error})") from error
    return from_table(TrainConfig, table)


def from_table(kind: type[Config], table: Mapping[str, Any], prefix: str = "") -> Config:
    """Build a configuration class from a table of plain values.

    Args:
        kind: The class.
        table: Values by field name.
        prefix: Dotted name of the table in the file, with a dot at the end.

    Raises:
        ConfigError: A field is unknown, has the wrong type, or breaks a rule.
    """
    hints = get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ConfigError(
            f"unknown field {prefix}{unknown[0]}{_nearest(unknown[0], hints)}; "
            f"{prefix.rstrip('.') if prefix else 'a config'} has {', '.join(hints)}"
        )
    return kind(
        **{name: _value(hints[name], value, prefix + name) for name, value in table.items()}
    )


def to_table(config: Any) -> dict[str, Any]:
    """Return a configuration as a table of plain values with every field."""
    table: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            value = to_table(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, dict):
            value = dict(value)  # the caller may change the table, not the configuration
        table[field.name] = value
    return table


def to_toml(config: TrainConfig) -> str:
    """Return a configuration as TOML with every field; :func:`parse_config` reads it back equal.

    Raises:
        ConfigError: A text is not valid Unicode.
    """
    return "\n".join(_lines(to_table(config), "")) + "\n"


def override(config: TrainConfig, settings: Iterable[str]) -> TrainConfig:
    """Return the configuration with fields replaced, e.g. ``optim.lr=0.05``.

    Values are written as in TOML; texts need no quotes. Rules are checked after all settings have
    been applied.

    Args:
        config: The configuration; it stays unchanged.
        settings: ``field=value``, the field with its table: ``optim.lr``.

    Raises:
        ConfigError: A setting is not ``field=value``, names an unknown field, or has a value that
            does not fit.

    Example:
        >>> override(TrainConfig(), ["optim.lr=0.05", "backbone.name=iresnet18"]).optim.lr
        0.05
    """
    table = to_table(config)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set needs field=value, e.g. optim.lr=0.05; got {setting!r}")
        name = name.strip()
        *tables, field = name.split(".")
        target: Any = table
        for key in tables:
            target = target.get(key) if isinstance(target, dict) else None
        is_option = tables == ["backbone", "options"]
        if not isinstance(target, dict) or (field not in target and not is_option):
            raise ConfigError(
                f"--set {setting}: there is no field {name!r}{_nearest(name, _names(table))}"
            )
        target[field] = _literal(text.strip())
    return from_table(TrainConfig, table)


def _names(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in table.items():
        names += _names(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return names


def _nearest(name: str, names: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, list(names), n=1)
    return f" (the nearest is {matches[0]!r})" if matches else ""


def _literal(text: str) -> Any:
    try:
        return read_toml(f"value = {text}")["value"]
    except ValueError:
        return text


def _value(hint: Any, value: Any, name: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{name} is a table of fields; got {value!r}")
        return from_table(hint, value, f"{name}.")  # type: ignore[arg-type]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{name} must be one of {', '.join(arguments)}; got {value!r}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, name) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _value(arguments[1], item, f"{name}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        # A backbone option may be a count (input_size, depth): a whole number stays an int.
        return value if name.startswith("backbone.options.") else float(value)
    if hint in (int, float, str, bool) and type(value) is hint:
        return value
    raise ConfigError(f"{name} must be {_TYPE_NAMES.get(hint, 'a list')}; got {value!r}")


def _lines(table: Mapping[str, Any], prefix: str) -> list[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{name}]", *_lines(value, f"{prefix}{name}.")]
    return lines


def _toml(value: Any) -> str:
    # JSON numbers, booleans and lists are also TOML, and so is 1e-05. JSON texts are TOML too, if
    # characters beyond 16 bits are not split into surrogates and the delete character is escaped.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{quoted(value)} is not valid Unicode, which a config must be; rename it"
            ) from error
    return text
