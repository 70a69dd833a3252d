"""TrainConfig from and to TOML, and single fields overridden by name: all by the fields' types."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from trainer.config.train import TrainConfig
from vidsearch.errors import ConfigError

Config = TypeVar("Config")


def read_config(path: Path) -> TrainConfig:
    """Read a config file; fields that it does not name keep their defaults.

    Raises:
        ConfigError: Not TOML, an unknown field, a value of another type or that breaks a rule.
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
    """Return the config that a TOML text describes.

    Raises:
        ConfigError: See :func:`read_config`.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"not TOML ({error})") from error
    return from_table(TrainConfig, table)


def from_table(kind: type[Config], table: Mapping[str, Any], path: str = "") -> Config:
    """Build a config class from a table of plain values.

    Raises:
        ConfigError: An unknown field, a value of another type or that breaks a rule.
    """
    hints = get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ConfigError(
            f"unknown field {path}{unknown[0]}; "
            f"{path.rstrip('.') if path else 'a config'} has {', '.join(hints)}"
        )
    return kind(**{name: _value(hints[name], value, path + name) for name, value in table.items()})


def to_table(config: Any) -> dict[str, Any]:
    """Return a config as a table of plain values, every field named."""
    table: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        table[field.name] = (
            to_table(value)
            if is_dataclass(value)
            else list(value)
            if isinstance(value, tuple)
            else value
        )
    return table


def to_toml(config: TrainConfig) -> str:
    """Return a config as TOML, every field named; ``parse_config`` reads it back equal."""
    return "\n".join(_lines(to_table(config), "")) + "\n"


def override(config: TrainConfig, settings: Iterable[str]) -> TrainConfig:
    """Return the config with fields replaced, e.g. ``optim.lr=0.05``.

    Values are written as in TOML; texts need no quotes. All are set before rules are checked.

    Raises:
        ConfigError: Not ``field=value``, an unknown field, or a value that does not fit.

    Example:
        >>> override(TrainConfig(), ["optim.lr=0.05", "backbone.name=iresnet18"]).optim.lr
        0.05
    """
    table = to_table(config)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set needs field=value, e.g. optim.lr=0.05; got {setting!r}")
        *folders, last = name.strip().split(".")
        place = table
        for folder in folders:
            place = place.get(folder, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict) or (
            last not in place and folders != ["backbone", "options"]
        ):
            raise ConfigError(f"--set {setting}: there is no field {name.strip()!r}")
        place[last] = _literal(text.strip())
    return from_table(TrainConfig, table)


def _literal(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
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
    if origin in (Union, types.UnionType):
        raise TypeError(f"{name}: a config field has one type")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        # Networks' options are whole numbers where they were written as such.
        return value if name.startswith("backbone.options.") else float(value)
    if hint in (int, float, str, bool) and type(value) is hint:
        return value
    expected = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    raise ConfigError(f"{name} must be {expected.get(hint, 'a list')}; got {value!r}")


def _lines(table: Mapping[str, Any], path: str) -> list[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{path}{name}]", *_lines(value, f"{path}{name}.")]
    return lines


def _toml(value: Any) -> str:
    # JSON's numbers, booleans and lists are TOML's, too; 1e-05 needs no point in either. Its texts
    # are, where what lies beyond 16 bits is not cut in two, and the delete character is escaped.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"{value!r} is no text that a config can hold; rename it") from error
    return text
