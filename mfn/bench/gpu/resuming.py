"""Whether a run that was stopped and goes on ends where one that was not stopped does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning import Trainer

from mfn.bench.gpu.runs import configured, fitted, recognizer_of
from mfn.bench.gpu.setting import Row, Setting, row
from mfn.config.build import build
from mfn.config.sources import open_source
from mfn.training.assembly import build_trainer
from mfn.training.callbacks.safe_points import SafePoints


class SavesOnce(SafePoints):
    """Saves after one step."""

    def __init__(self, path: Path, step: int) -> None:
        super().__init__()
        self._path, self._at = path, step

    def after_step(self, trainer: Trainer, before_validation: bool = False) -> None:
        """Saves."""
        if trainer.global_step == self._at:
            trainer.save_checkpoint(self._path)


def resume_rows(setting: Setting) -> Iterator[Row]:
    """The weights of both runs, for each precision."""
    for precision in ("32-true", "bf16-mixed", "16-mixed"):
        yield _resumed(setting, precision)


def _resumed(setting: Setting, precision: str) -> Row:
    half = 3 if setting.quick else 15
    people = 10 if setting.quick else 60
    config = configured(
        setting,
        *(f"trainer.precision={precision}", f"trainer.max_steps={2 * half}", "trainer.deterministic=warn"),
        *(f"data.source.num_identities={people}", "data.val_pairs=20", "data.num_workers=0"),
        *("trainer.limit_val_batches=0", "image_size=[32,32]", "data.batch_size=8"),
    )
    saved = setting.folder / f"half_{precision}.ckpt"
    whole = recognizer_of(config, data := _data(config))
    fitted(config, whole, data, SavesOnce(saved, half))
    again = recognizer_of(config, data := _data(config))
    build_trainer(config).fit(again, datamodule=data, ckpt_path=saved, weights_only=True)
    pairs = zip(whole.parameters(), again.parameters(), strict=True)
    apart = max(float((a.detach().cpu() - b.detach().cpu()).abs().max()) for a, b in pairs)
    note = "equal to the bit" if apart == 0 else "NOT equal"
    return row(f"{precision}: stopped after {half} of {2 * half} steps", apart, "largest difference", note)


def _data(config: Any) -> Any:
    data = build(config.data.module, source=open_source(config), validation=None)
    data.setup("fit")
    return data
