"""What the keys ``groups`` and ``quality`` of ``conf/evaluate.yaml`` may hold."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mfn.config.settings import Number, Place, Settings, Text, wanted

Rate = Annotated[Number, Field(gt=0, lt=1)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a name twice")
    return names


Columns = Annotated[tuple[Text, ...], BeforeValidator(_listed), AfterValidator(_different)]


class GroupSettings(Settings):
    """Rates by group, see :mod:`mfn.evaluation.groups`."""

    file: Place | None = wanted("a CSV of persons' or images' attributes, or null where the set has them")
    by: Annotated[Columns, Field(max_length=2)] = wanted("one or two different columns, as [gender,race], or []")
    bins: tuple[Number, ...] | None = wanted("rising edges for columns of numbers, as [18,40,60], or null for quarters")
    gap_bins: tuple[Number, ...] | None = wanted("rising edges for gap, as [5,15], or null for quarters")
    gap: Text | None = wanted("a column of numbers, such as age: pairs by how far apart they are, or null")
    same: Text | None = wanted("a column, such as family: pairs that share its value beside the others, or null")
    comparisons: Literal["pairs", "all"] = wanted("pairs (the set's list) or all (every image with every other)")
    fmr: Rate = wanted("the false match rate over all whose threshold is taken, as 1e-3")


class QualitySettings(Settings):
    """Error-versus-discard curves, see :mod:`mfn.evaluation.quality`."""

    by: Columns = wanted("norm, sharpness, network files and columns of quality.file, each once, as [norm], or []")
    file: Place | None = wanted("a CSV of images' qualities, or null")
    discard: Rate = wanted("the largest share of the pairs to discard, as 0.3")
    fmr: Rate = wanted("the false match rate whose threshold is taken, as 1e-3")
