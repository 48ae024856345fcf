"""YuNet for a page: OpenCV's file, whose input has one size, as one that takes photos of any size."""

from pathlib import Path

from mfn.errors import ExportError, first_line
from mfn.published.cache import fetched, is_name

SCORE, OVERLAP, MAX_SIDE = 0.9, 0.3, 640
"""Those of ``conf/detector/yunet.yaml``."""
_OUTPUTS = {f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)}
_LARGEST = 50_000_000


def detector_bytes(place: str | Path) -> bytes:
    """YuNet as ONNX with free height and width.

    Args:
        place: The file, or ``yunet``, which ``mfn fetch yunet`` brings.

    Raises:
        CheckpointError: It was not fetched yet.
        ExportError: The file is missing or is not YuNet.
    """
    import onnx

    path = fetched(str(place)) if is_name(place) else Path(place).expanduser()
    remedy = "give OpenCV's face_detection_yunet_2023mar.onnx, which `mfn fetch yunet` brings as yunet"
    if not path.is_file():
        raise ExportError(f"target.web.detector={place} is missing: {remedy}, or null for aligned crops only")
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"more than {_LARGEST // 1_000_000} MB")
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # protobuf's errors have no common base
        raise ExportError(f"target.web.detector={place} cannot be read ({first_line(error)}): {remedy}") from error
    if {output.name for output in model.graph.output} != _OUTPUTS or len(model.graph.input) != 1:
        raise ExportError(f"target.web.detector={place} is not YuNet of 2023: {remedy}")
    _free(model.graph.input[0], {2: "height", 3: "width"})
    for output in model.graph.output:
        _free(output, {1: f"places_{output.name.rpartition('_')[2]}"})
    del model.graph.value_info[:]  # shapes for the one size
    return model.SerializeToString()


def _free(value, names: dict[int, str]) -> None:
    for axis, name in names.items():
        value.type.tensor_type.shape.dim[axis].dim_param = name
