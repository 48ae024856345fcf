"""Writing image sets in Parquet as their own tools do."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def described(names: Sequence[str] | None, image: str = "image", label: str = "label") -> dict[bytes, bytes]:
    """The header that `datasets` writes."""
    kind: dict[str, Any] = {"dtype": "int64", "_type": "Value"}
    if names is not None:
        kind = {"names": list(names), "_type": "ClassLabel"}
    return {b"huggingface": json.dumps({"info": {"features": {image: {"_type": "Image"}, label: kind}}}).encode()}


def write_table(
    path: Path,
    images: Sequence[bytes | None],
    labels: Sequence[Any],
    names: Sequence[str] | None = None,
    columns: tuple[str, str] = ("image", "label"),
    **how: Any,
) -> Path:
    """Writes images as `{"bytes", "path"}` beside their labels."""
    values = [None if image is None else {"bytes": image, "path": f"{n}.jpg"} for n, image in enumerate(images)]
    table = pa.table({columns[0]: pa.array(values, IMAGE), columns[1]: pa.array(labels)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(described(names, *columns)), path, **how)
    return path
