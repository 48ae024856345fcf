"""Whether values fit the parameters of what they are meant for, by the annotations these have."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from mfn.errors import ConfigError

_ANYTHING = ConfigDict(arbitrary_types_allowed=True)


def fitting(
    called: Callable[..., Any], values: Mapping[str, Any], key: str, given: Iterable[str] = ()
) -> dict[str, Any]:
    """The values as the parameters of a callable want them: ``"no"`` as False for a bool, a list as a tuple.

    A parameter without an annotation, or with one that says nothing about plain values, takes what it is given.

    Args:
        called: A class or function.
        values: Plain values by parameter name; names that begin with an underscore are not its own.
        key: What the configuration calls it, for messages, as ``head``.
        given: Parameters that get their value from elsewhere, such as ``num_classes``.

    Raises:
        ConfigError: A parameter does not exist, or a value is of another type or not finite.
    """
    wanted, takes_more = parameters(called)
    fits = {}
    for name, value in values.items():
        if name.startswith("_"):
            fits[name] = value
            continue
        if name not in wanted and not takes_more:
            there = ", ".join(sorted(wanted.keys() - set(given)))
            raise ConfigError(f"{key}.{name} does not exist: {called.__name__} takes {there or 'nothing'}")
        fits[name] = of_type(wanted.get(name, Any), value, f"{key}.{name}")
    return fits


def parameters(called: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """The annotation of each parameter that is given by name, Any where there is none; and whether other names go.

    A range that is part of an annotation, as in ``PositiveInt``, counts.
    """
    try:
        signature = inspect.signature(called)
        hints = get_type_hints(called.__init__ if inspect.isclass(called) else called, include_extras=True)
    except (NameError, TypeError, ValueError):  # an annotation that only a type checker can follow, or none at all
        return {}, True
    found: dict[str, Any] = {}
    takes_more = False
    for parameter in signature.parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            if get_origin(hint) is not Unpack:
                takes_more = True
            else:
                found |= get_type_hints(get_args(hint)[0], include_extras=True)
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            found[parameter.name] = hint
    return found, takes_more


def of_type(kind: Any, value: Any, key: str) -> Any:
    """The value as `kind`, converted where nothing is lost.

    Raises:
        ConfigError: It is of another type, or a number that is none.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key}={value} is no number to work with")
    if _is_built(value) or _is_odd_name(value):
        return value
    try:
        fits = TypeAdapter(kind, config=_ANYTHING).validate_python(value)
        if isinstance(value, bool) and not isinstance(fits, bool):
            raise ConfigError(f"{key}={shown(value)} does not fit: input should be no truth value")
        return fits
    except ValidationError as error:
        raise ConfigError(f"{key}={shown(value)} does not fit: {_expected(error)}") from None
    except (PydanticSchemaGenerationError, PydanticUserError, SchemaError):  # what it is cannot be checked
        return value


def no_truth(value: Any) -> Any:
    """A value that is to be a number, unless it is true or false, which Python takes for 1 and 0.

    Raises:
        ValueError: It is one of these.
    """
    if isinstance(value, bool):
        raise ValueError("input should be a number")
    return value


def text(value: Any) -> str:
    """A value that is to be text, of any characters and not empty.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("input should be text")
    return value


def literal(value: Any) -> Any:
    """Plain values that OmegaConf takes as they are, though a text in them may look as if it referred to a key."""
    if isinstance(value, Mapping):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def shown(value: Any) -> str:
    """A value as one types it on the command line."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _is_built(value: Any) -> bool:
    """Whether a value is, or holds, something that is made from a configuration of its own."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(_is_built, value.values()))
    return isinstance(value, list | tuple) and any(map(_is_built, value))


def _is_odd_name(value: Any) -> bool:
    """Whether a text stands for bytes that are no characters, as names of files may; pydantic would refuse it."""
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)


def _expected(error: ValidationError) -> str:
    """What would fit, of all that a union allows, without pydantic's own addresses."""
    kinds = dict.fromkeys(
        problem["msg"][:1].lower() + problem["msg"][1:] for problem in error.errors(include_url=False)
    )
    return " or ".join(kinds)
