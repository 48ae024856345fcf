"""A composed configuration to typed settings, or one sentence that names each key that makes no sense."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mfn.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)

_SAYS = {
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "model_type": "must be a group of keys",
    "missing": "is missing",
    "extra_forbidden": "is no key of this command",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must be {min_length} numbers",
    "too_long": "must be {max_length} numbers",
}

_MOST = 60
"""Characters of a value that are shown."""


def checked(model: type[Model], plain: Mapping[str, Any]) -> Model:
    """The settings that a composed configuration comes to.

    Args:
        model: Says what they must be.
        plain: The configuration as plain values.

    Raises:
        ConfigError: Values that make no sense, each with its key and what it should be.
    """
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise ConfigError("; ".join(dict.fromkeys(map(_sentence, error.errors())))) from None


def _sentence(problem: Any) -> str:
    """One problem in words: the key, the value and what it should be."""
    key = ".".join(str(part) for part in problem["loc"] if "[" not in str(part))
    if problem["input"] is None:
        return f"{key}=null must be given"
    context = dict(problem.get("ctx", {}))
    if "expected" in context:
        context["expected"] = re.sub("', '|' or '", ", ", context["expected"]).strip("'")
    says = (_SAYS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")).format(**context)
    return f"{key} {says}" if problem["type"] == "missing" else f"{key}={str(problem['input'])[:_MOST]} {says}"
