"""Starting from other weights: what fits is taken, the rest stays new, and the user is told which and why."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from mfn.checkpoint.format import BACKBONE, HEAD, CheckpointMetadata, part_of_state, read_checkpoint
from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.training.class_rows import class_tables, take_state_apart
from mfn.training.recognizer import FaceRecognizer


def warm_start(recognizer: FaceRecognizer, path: Path) -> list[dict[str, str]]:
    """Copies the weights of a checkpoint into a recogniser where name and shape agree.

    Class centres are taken only when the checkpoint was trained on the same classes.

    Args:
        recognizer: Freshly built.
        path: A checkpoint of ours.

    Returns:
        A row for each group of tensors: what it is, how many, and why.

    Raises:
        ConfigError: The checkpoint was trained on pixels of another range or colour order, or nothing fits.
        CheckpointError: It cannot be read.
    """
    checkpoint = read_checkpoint(path)
    metadata = CheckpointMetadata.of(checkpoint, path)
    _check_pixels(recognizer.contract, InputContract.from_dict(metadata.contract), path)
    rows = _take(recognizer.backbone, part_of_state(checkpoint, BACKBONE), "backbone")
    if not any(row["start"] == "taken" for row in rows):
        raise ConfigError(f"model_path={path}: no tensor of its backbone fits this model; choose the same model=")
    theirs = part_of_state(checkpoint, HEAD)
    if not theirs:
        return [*rows, _row("head", "new", len(recognizer.head.state_dict()), "the checkpoint has no head")]
    if not metadata.same_people(recognizer.metadata):
        why = f"other people: {_difference(metadata, recognizer.metadata)}"
        return [*rows, _row("head", "new", len(recognizer.head.state_dict()), why)]
    parts = {_without_stage(name): part for name, part in class_tables(recognizer.head).items()}
    take_state_apart(theirs, {name: parts[meant] for name in theirs if (meant := _without_stage(name)) in parts})
    return rows + _take(recognizer.head, theirs, "head", _without_stage)


def _difference(theirs: CheckpointMetadata, ours: CheckpointMetadata) -> str:
    if len(theirs.label_map) != len(ours.label_map):
        return f"{len(theirs.label_map)} there, {len(ours.label_map)} here"
    named = theirs.label_names or ours.label_names
    what = "names" if named else "numbers" if theirs.label_map != ours.label_map else "pictures of them"
    return f"as many classes, but other {what}"


def _without_stage(name: str) -> str:
    """A head's tensor apart from the stage it belongs to: the class centres of two stages are those of one."""
    return name.removeprefix("first.").removeprefix("second.")


def _take(
    module: nn.Module, theirs: dict[str, Tensor], part: str, meaning: Callable[[str], str] = str
) -> list[dict[str, str]]:
    """Copies what fits; tensors belong together whose names have the same meaning."""
    # Extra state says where a run stood (the stage of a head); a new run starts at the beginning.
    ours = {name: value for name, value in module.state_dict().items() if not name.endswith("_extra_state")}
    theirs = {meaning(name): value for name, value in theirs.items() if not name.endswith("_extra_state")}
    fits = {name: theirs[meaning(name)] for name, value in ours.items() if _has_shape(theirs, meaning(name), value)}
    module.load_state_dict(fits, strict=False)
    rows = [_row(part, "taken", len(fits), "same name and shape")] if fits else []
    for name in ours.keys() - fits.keys():
        if meaning(name) not in theirs:
            why = "not in the checkpoint"
        else:
            why = f"shape {tuple(theirs[meaning(name)].shape)} there, {tuple(ours[name].shape)} here"
        rows.append(_row(f"{part}.{name}", "new", 1, why))
    unused = theirs.keys() - set(map(meaning, ours))
    if unused:
        rows.append(_row(part, "left", len(unused), f"no such tensor here, e.g. {min(unused)}"))
    return rows


def _has_shape(tensors: dict[str, Tensor], name: str, like: Tensor) -> bool:
    return name in tensors and tensors[name].shape == like.shape


def _row(what: str, start: str, tensors: int, why: str) -> dict[str, str]:
    return {"what": what, "start": start, "tensors": str(tensors), "why": why}


def _check_pixels(ours: InputContract, theirs: InputContract, path: Path) -> None:
    wrong = [
        f"contract.{key}={list(value) if isinstance(value, tuple) else value}"
        for key in ("color", "mean", "std")
        if (value := getattr(theirs, key)) != getattr(ours, key)
    ]
    if wrong:
        raise ConfigError(f"model_path={path} was trained on other pixels; train with its own: {' '.join(wrong)}")
