"""The card that people read before they use a network."""

from collections.abc import Mapping
from typing import Any

from mfn.contract import InputContract

_CARD = """---
library_name: mfn
pipeline_tag: image-feature-extraction
tags:
- face-verification
- face-recognition
- mfn
---

# {name}

A face-verification network: an aligned face in, {dim} numbers out. Two faces show one person when the cosine of their
embeddings is at least a threshold.

| | |
|---|---|
| network | `{name}` ({arguments}) |
| numbers | {numbers:,} |
| input | aligned crops of {height}x{width}, {color}, (x - {mean}) / {std} |
| alignment | five landmarks (eyes, nose, corners of the mouth) at {template} |
| threshold | {threshold} |
{facts}
## Use

```python
import mfn

embedder = mfn.FaceEmbedder.load("FOLDER")  # this folder
embeddings = embedder(images)  # uint8 RGB (N, {height}, {width}, 3) -> float32 (N, {dim}), unit length
```

`pip install mobilefacenet` installs mfn. The licence of the weights is that of whoever trained them, on the data that
they had; it is not written down here.
"""


def model_card(model: Mapping[str, Any], contract: InputContract, facts: Mapping[str, str], numbers: int) -> str:
    """Markdown with the front matter of the Hugging Face hub.

    Args:
        model: ``_target_`` and arguments of the backbone.
        contract: What it expects, and its threshold where one was measured.
        facts: What else is known, as recipe and accuracy.
        numbers: In its weights.
    """
    threshold = "not measured: `mfn evaluate ... store_threshold=1e-3` does"
    if contract.threshold is not None:
        far = "" if contract.threshold_far is None else f", at a false accept rate of {contract.threshold_far:g}"
        threshold = f"{contract.threshold:.4f}{far}, flip={contract.threshold_flip or 'not known'}"
    mean, std = ("/".join(f"{value:g}" for value in dict.fromkeys(of)) for of in (contract.mean, contract.std))
    return _CARD.format(
        name=str(model.get("_target_", "")).rpartition(".")[2],
        arguments=", ".join(f"{key}={value}" for key, value in model.items() if key != "_target_") or "no arguments",
        numbers=numbers,
        dim=contract.embedding_dim,
        height=contract.height,
        width=contract.width,
        color=contract.color,
        mean=mean,
        std=std,
        template=", ".join(f"({x:.1f}, {y:.1f})" for x, y in contract.template),
        threshold=threshold,
        facts="".join(f"| {key} | {value.replace('|', '/')} |\n" for key, value in facts.items()),
    )
