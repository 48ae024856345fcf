"""What a run was asked for, as plain data: kept in its checkpoints, so that it goes on without being told again.

A checkpoint may come from anybody. So what is in it is data and never more: names of choices, which are looked for in
our own and the user's configuration, and plain values for keys that are there. It cannot name code, refer to the
environment, or say where to write.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from mfn.config.command_line import key_of
from mfn.config.compose import CONF, composed
from mfn.config.quoting import quoted
from mfn.config.renamed import RENAMED
from mfn.errors import CheckpointError

NOT_KEPT = ("ckpt_path", "paths.output")
_WRITERS = ("logger.", "callbacks.", "trainer.", "paths.", "hydra")
"""Keys of parts that write files."""
_NAME = re.compile(r"[\w-]+")
_OF_SEVERAL = re.compile(r"source@data\.sources\.[A-Za-z][\w-]*")
"""A choice that has a place of its own, see :mod:`mfn.config.several`."""
_KEY = re.compile(r"[\w/@-]+(\.[\w/@-]+)*")


def request_of(overrides: Sequence[str], groups: Collection[str]) -> dict[str, Any]:
    """The overrides of a run as data.

    Args:
        overrides: As typed, none of them a sweep.
        groups: Names of the configuration groups.

    Returns:
        ``choices``, ``values``, ``added`` (values of keys that were not there) and ``removed``.
    """
    request: dict[str, Any] = {"choices": {}, "values": {}, "added": {}, "removed": []}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.get_key_element().lstrip("+~")
        if key.startswith("hydra") or key in NOT_KEPT:
            continue
        if override.is_delete():
            request["removed"].append(key)
            continue
        kind = "choices" if key in groups else "added" if override.is_add() or override.is_force_add() else "values"
        request[kind][key] = override.value()
    return request


def request_of_job() -> dict[str, Any]:
    """The request of the running job; empty where no command line asked for it."""
    if not HydraConfig.initialized():
        return {}
    hydra = HydraConfig.get()
    folders = [source.path for source in hydra.runtime.config_sources if source.schema == "file"]
    return request_of(hydra.overrides.task, {*hydra.runtime.choices, *groups_in(folders)})


def groups_in(folders: Iterable[Path | str]) -> set[str]:
    """Names of the configuration groups in folders; Hydra's own list leaves out those of which several are chosen."""
    return {str(group.relative_to(folder)) for folder in folders for group in Path(folder).rglob("*") if group.is_dir()}


def requested(request: Mapping[str, Any], fresh: Sequence[str], config_dir: str | None = None) -> list[str]:
    """The overrides that make the same run again, without those that are typed afresh.

    Args:
        request: What :func:`request_of` gave, from a file.
        fresh: Overrides that the user types now.
        config_dir: A configuration folder of the user's own.

    Raises:
        CheckpointError: It holds what is not taken from a file; the sentence says what to type.
    """
    request = _with_keys_of_now(request)
    groups = groups_in([CONF, *([] if config_dir is None else [config_dir])])
    replaced = {key_of(word) for word in fresh}
    plain = {kind: _part(request, kind) for kind in ("choices", "values", "added")}
    chosen = plain["choices"] + [(key, value) for key, value in plain["values"] if key in groups]
    replaced |= {key for key, _ in chosen if "data" in replaced and _OF_SEVERAL.fullmatch(key)}
    choices = [_choice(key, value) for key, value in chosen if key not in replaced]
    composition = composed("train", [*choices, *(word for word in fresh if key_of(word) in groups)], config_dir)
    default = OmegaConf.to_container(composition)
    values = []
    for kind, sign in (("values", ""), ("added", "++")):
        for key, value in plain[kind]:
            if key in replaced or key in groups or _writes(default, key):
                continue
            if _may_lead_elsewhere(key, value):
                raise _not_taken(key)
            if kind == "values" and replaced & groups and _at(default, key) is _NOWHERE:
                continue  # of another choice than is typed now
            values.append(f"{sign}{key}={_literal(value, key)}")
    removed = [f"~{_safe_key(key)}" for key in _removed(request) if key not in replaced]
    return [*choices, *values, *removed]


def _with_keys_of_now(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request of an earlier version, where keys were called otherwise."""
    keys = RENAMED["train"]
    return {
        kind: {keys.get(key, key): value for key, value in part.items()} if isinstance(part, dict) else part
        for kind, part in request.items()
    }


class _Nowhere:
    """Of a key that does not exist, since None is a value."""


_NOWHERE = _Nowhere()


def _part(request: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    part = request.get(kind, {})
    if not isinstance(part, dict):
        raise CheckpointError(f"the checkpoint's request is damaged: its {kind} are a {type(part).__name__}")
    return [(_safe_key(key), value) for key, value in part.items()]


def _removed(request: Mapping[str, Any]) -> list[Any]:
    if not isinstance(removed := request.get("removed", []), list):
        raise CheckpointError("the checkpoint's request is damaged: what it removes is no list")
    return removed


def _safe_key(key: Any) -> str:
    parts = str(key).split(".")
    if not isinstance(key, str) or not _KEY.fullmatch(key) or any(part.startswith("_") for part in parts):
        raise _not_taken(str(key))
    if parts[0].startswith("hydra") or key in NOT_KEPT:
        raise _not_taken(key)
    return key


def _choice(key: str, value: Any) -> str:
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise _not_taken(key)
    if "@" in key and not _OF_SEVERAL.fullmatch(key):
        raise _not_taken(key)
    return f"{'+' if '@' in key else ''}{key}={_literal(value, key, quote=False)}"


def _literal(value: Any, key: str, quote: bool = True) -> str:
    """A plain value in Hydra's grammar."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str() if "${" not in value:
            return quoted(value) if quote else value
        case list() | tuple():
            return f"[{','.join(_literal(item, key, quote) for item in value)}]"
        case dict() if all(isinstance(name, str) and _NAME.fullmatch(name) and name[0] != "_" for name in value):
            return "{" + ",".join(f"{name}:{_literal(item, key)}" for name, item in value.items()) + "}"
    raise _not_taken(key)


def _writes(default: Any, key: str) -> bool:
    """Whether a key says where something is written, which the folder of the run does."""
    return isinstance(value := _at(default, key), str) and "${paths." in value


def _may_lead_elsewhere(key: str, value: Any) -> bool:
    """Whether a text could take a file out of the run's folder."""
    if isinstance(value, list | tuple):
        return any(_may_lead_elsewhere(key, item) for item in value)
    is_path = isinstance(value, str) and (".." in value or "/" in value or "\\" in value)
    return is_path and key.startswith(_WRITERS) and not key.endswith(".monitor")


def _at(plain: Any, key: str) -> Any:
    for name in key.split("."):
        if not isinstance(plain, dict) or name not in plain:
            return _NOWHERE
        plain = plain[name]
    return plain


def _not_taken(key: str) -> CheckpointError:
    return CheckpointError(
        f"the checkpoint asks for {key}, and such a setting is not taken from a file: if you want it, type it beside "
        "ckpt_path, or start from the weights alone with model_path="
    )
