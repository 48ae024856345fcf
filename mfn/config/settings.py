"""Values by type and range: declared once for each command, checked before data is read."""

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic.fields import FieldInfo

from mfn.config.arguments import literal, no_truth, shown, text
from mfn.config.effect import without_effect
from mfn.config.failures import resolving
from mfn.errors import ConfigError


class Settings(BaseModel):
    """Base of the declarations, whose fields are made by :func:`wanted`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, arbitrary_types_allowed=True, frozen=True)


Declared = TypeVar("Declared", bound=Settings)

Whole = Annotated[int, BeforeValidator(no_truth)]
Positive = Annotated[Whole, Field(ge=1)]
NotNegative = Annotated[Whole, Field(ge=0)]
Number = Annotated[float, BeforeValidator(no_truth)]
Spread = Annotated[Number, Field(gt=0)]
Channels = tuple[Number, Number, Number]
PixelSpread = Annotated[Number, Field(ge=1)]
"""Of pixels of 0 to 255."""
Text = Annotated[str, PlainValidator(text)]
"""Not empty, as the name of a file, which may be of any bytes."""
Place = Annotated[Text, AfterValidator(os.path.expanduser)]
"""A path, in which ``~`` is the user's folder."""


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
        ConfigError: Values are missing, of another type or out of range, or nothing goes by a key; the sentence names
            all of these keys.
    """
    values = settings(config, declared).model_dump(exclude_unset=True)
    _write_back(config, values, _plain(config), "")
    return config


def settings(config: DictConfig, declared: type[Declared]) -> Declared:
    """The declared values of a configuration, each of its own type.

    Args:
        config: Composed.
        declared: What its keys should hold.

    Raises:
        ConfigError: As for :func:`checked`.
    """
    for missing in _missing(OmegaConf.to_container(config), ""):
        field = _field(declared, missing.split("."))[1]
        raise ConfigError(f"{missing} must be given" + (f": {field.description}" if field else ""))
    idle = [f"nothing goes by {key}" for key in without_effect(config, _declares(declared))]
    plain = _plain(config)
    try:
        values = declared.model_validate(plain)
    except ValidationError as error:
        sentences = [_sentence(problem, declared, plain) for problem in error.errors(include_url=False)]
        raise ConfigError("; ".join(dict.fromkeys(sentences + idle))) from None
    if idle:
        raise ConfigError(f"{'; '.join(idle)}: leave it out, or look for the key that was meant in conf")
    return values


def _plain(config: DictConfig) -> Any:
    with resolving():
        return OmegaConf.to_container(config, resolve=True)


def _declares(declared: type[Settings]) -> Any:
    """Whether a key is one of the declared, or one in a declared table of any keys."""

    def is_declared(key: str) -> bool:
        path, field = _field(declared, names := key.split("."))
        return path == names or (field is not None and _is_table(field.annotation))

    return is_declared


def _is_table(annotation: Any) -> bool:
    """Whether a field holds a table of any keys, or one or null."""
    return any(get_origin(kind) is dict for kind in (annotation, *get_args(annotation)))


def _missing(plain: Any, key: str) -> Iterator[str]:
    """The keys that have no value yet."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from _missing(value, f"{key}.{name}".lstrip("."))
    elif plain == "???":
        yield key


def _write_back(config: DictConfig, values: Mapping[str, Any], plain: Mapping[str, Any], prefix: str) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _write_back(config, value, plain[name], f"{prefix}{name}.")
        elif (value := list(value) if isinstance(value, tuple) else value) != plain[name] or type(value) is not type(
            plain[name]
        ):
            OmegaConf.update(config, prefix + name, literal(value))


def _sentence(problem: Mapping[str, Any], declared: type[Settings], plain: Any) -> str:
    path, field = _field(declared, [part for part in problem["loc"] if isinstance(part, str)])
    for name in path:
        plain = plain.get(name) if isinstance(plain, dict) else plain
    what = field.description if field and field.description else problem["msg"]
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
