"""Values by type and range: declared once for each command, checked before data is read."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from mfn.config.arguments import shown
from mfn.errors import ConfigError


class Settings(BaseModel):
    """Base of the declarations, whose fields are made by :func:`wanted`; keys without a field are others' business."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, arbitrary_types_allowed=True)


def wanted(what: str) -> Any:
    """A field for a key that may be missing, as in a configuration of the user's own.

    Args:
        what: Is to be given, in words that follow "give".
    """
    return Field(None, description=what)


def checked(config: DictConfig, declared: type[Settings]) -> DictConfig:
    """The configuration with each declared value as its own type: ``"no"`` as False, ``[112,112]`` as numbers.

    Args:
        config: Composed; it is changed.
        declared: What its keys should hold.

    Raises:
        ConfigError: A value is of another type or out of range; the sentence names its key.
    """
    for missing in _missing(OmegaConf.to_container(config), ""):
        field = _field(declared, missing.split("."))[1]
        raise ConfigError(f"{missing} must be given" + (f": {field.description}" if field else ""))
    plain: Any = OmegaConf.to_container(config, resolve=True)
    try:
        values = declared.model_validate(plain).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ConfigError(_sentence(error, declared, plain)) from None
    _write_back(config, values, plain, "")
    return config


def _missing(plain: Any, key: str) -> Iterator[str]:
    """The keys that have no value yet."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from _missing(value, f"{key}.{name}".lstrip("."))
    elif plain == "???":
        yield key


def _write_back(config: DictConfig, values: dict[str, Any], plain: dict[str, Any], prefix: str) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _write_back(config, value, plain[name], f"{prefix}{name}.")
        elif (value := list(value) if isinstance(value, tuple) else value) != plain[name] or type(value) is not type(
            plain[name]
        ):
            OmegaConf.update(config, prefix + name, value)


def _sentence(error: ValidationError, declared: type[Settings], plain: Any) -> str:
    problem = error.errors(include_url=False)[0]
    path, field = _field(declared, [part for part in problem["loc"] if isinstance(part, str)])
    for name in path:
        plain = plain.get(name) if isinstance(plain, dict) else plain
    what = field.description if field else problem["msg"]
    return f"{'.'.join(path)}={shown(plain)} does not fit: give {what}"


def _field(declared: type[Settings], names: list[str]) -> tuple[list[str], FieldInfo | None]:
    """The part of a path of names that leads to a declared field, and that field."""
    path, field, kind = [], None, declared
    for name in names:
        if not (isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields):
            break
        field = kind.model_fields[name]
        kind = field.annotation
        path.append(name)
    return path, field
