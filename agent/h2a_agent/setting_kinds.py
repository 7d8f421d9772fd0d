"""What can be said of each setting by who wants to change it: its meaning, and which values it may have.

All of it is read off the schema of `config.toml`, so that an editor and the file can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from h2a_agent.config_error import ConfigError
from h2a_agent.config_file import check_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SettingKind", "Shape", "setting_kinds", "value_of"]

Shape: TypeAlias = Literal["switch", "choice", "number", "text", "table"]


@dataclass(frozen=True, slots=True)
class SettingKind:
    """One setting: what it is about, what its values look like, and which there are where there are few."""

    name: str
    meaning: str
    shape: Shape
    choices: tuple[str, ...] = ()


@cache
def setting_kinds() -> Mapping[str, SettingKind]:
    """All settings of the file by name."""
    from h2a_agent.config_schema import ConfigFile

    fields = ConfigFile.model_fields.items()
    return MappingProxyType(
        {name: _kind(name, field.description or "", field.annotation) for name, field in fields}
    )


def value_of(kind: SettingKind, text: str) -> Any:
    """The value that `text` means for this setting, as it stands in the file.

    Raises:
        ConfigError: it means none; the message says what would.
    """
    text = text.strip()
    value: Any = text
    if kind.shape == "switch":
        if text not in ("on", "off"):
            raise ConfigError(f"{kind.name} is on or off")
        value = text == "on"
    elif kind.shape == "number":
        digits = text.replace(",", "").replace("_", "")
        if not digits.isdecimal():
            raise ConfigError(f"{kind.name} is a whole number")
        value = int(digits)
    elif kind.shape == "table":
        raise ConfigError(f"{kind.name} is a table of config.toml; change it there")
    check_value(kind.name, value)
    return value


def _kind(name: str, meaning: str, annotation: Any) -> SettingKind:
    inner = _plain(annotation)
    if get_origin(inner) is Literal:
        return SettingKind(name, meaning, "choice", get_args(inner))
    shapes: Mapping[Any, Shape] = {bool: "switch", int: "number", str: "text"}
    shape = shapes.get(inner, "table")
    return SettingKind(name, meaning, shape, ("on", "off") if shape == "switch" else ())


def _plain(annotation: Any) -> Any:
    """The type without its limits, and without None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (UnionType, Union):
            annotation = next(part for part in get_args(annotation) if part is not NoneType)
        else:
            return annotation
