"""Whether training in half precision is the training in float32, as far as rounding allows."""

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from mfn.bench.gpu.runs import Again, batches, configured, fitted, recognizer_of
from mfn.bench.gpu.setting import Row, Setting, row

FIRST_LOSS = {"TF32": 2e-3, "bf16": 2e-2, "fp16": 5e-3}
"""By how much of itself the first loss may differ from that of float32; later ones go their own ways."""
WORDS = {
    "float32": ("trainer.precision=32-true", "matmul_precision=highest"),
    "TF32": ("trainer.precision=32-true", "matmul_precision=high"),
    "bf16": ("trainer.precision=bf16-mixed",),
    "fp16": ("trainer.precision=16-mixed",),
}


def half_rows(setting: Setting) -> Iterator[Row]:
    """Losses and embeddings after the same steps from the same weights."""
    steps = 3 if setting.quick else 30
    seen: dict[str, tuple[list[float], torch.Tensor]] = {}
    for name, words in WORDS.items():
        config = configured(setting, *words, f"trainer.max_steps={steps}", "trainer.deterministic=warn")
        data = Again(batches(setting, 4), steps, setting.classes)
        recognizer = recognizer_of(config, data)
        losses = fitted(config, recognizer, data).losses
        judged = recognizer.to(setting.device).eval()
        with torch.no_grad():
            embeddings = F.normalize(judged(data._given[0].images.to(setting.device)).float()).cpu()
        seen[name] = losses, embeddings
        if name == "float32":
            continue
        (exact, wanted), first = seen["float32"], abs(losses[0] / seen["float32"][0][0] - 1)
        limit = FIRST_LOSS["bf16" if name == "fp16" and setting.device == "cpu" else name]  # Lightning takes it there
        verdict = "as it should be" if first <= limit else f"MORE than {100 * limit:g} %"
        yield row(f"{name}: first loss beside float32's", round(100 * first, 4), "% apart", verdict)
        yield row(f"{name}: loss after {steps} steps", round(losses[-1], 4), "", f"float32: {exact[-1]:.4f}")
        cosine = float((embeddings * wanted).sum(1).mean())
        yield row(f"{name}: embeddings after {steps} steps", round(cosine, 5), "mean cosine with float32's")
