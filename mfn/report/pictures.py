"""Learning curve, ROC and sweep pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfn.evaluation.verify import Verdict
from mfn.report.history import Series


def learning_curve(history: Mapping[str, Series], path: Path) -> None:
    """Loss, target angle, verification accuracy and learning rate over the steps.

    Args:
        history: From :func:`mfn.report.history.read_history`.
        path: PNG file to write.
    """
    rates = [name for name in history if name.startswith("lr-")]
    panels: list[tuple[str, list[str]]] = [
        ("loss", ["train/loss", "val/loss"]),
        ("target angle, degrees", ["train/target_angle"]),
        (
            "accuracy",
            ["train/accuracy", *(name for name in history if name.endswith("/accuracy") and "val/" in name)],
        ),
        ("learning rate", rates),
    ]
    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for name in names:
            if name in history:
                steps, values = zip(*history[name], strict=True)
                axes.plot(steps, values, label=name, marker="o" if len(steps) < 20 else None)
        _finish(axes, title, "step")
    figure.savefig(path, dpi=110)


def roc_curves(verdicts: Sequence[Verdict], path: Path) -> None:
    """True accepts over false accepts on a logarithmic axis, one line for each verification set.

    Args:
        verdicts: What the sets say.
        path: PNG file to write.
    """
    figure = Figure(figsize=(6.5, 5), layout="constrained")
    axes = figure.subplots()
    lowest = 1.0
    for judged in verdicts:
        curve = judged.curve
        lowest = min(lowest, *(far for far in curve.far if far > 0))
        axes.step(curve.far, curve.tar, where="post", label=f"{judged.name}: accuracy {judged.accuracy:.2%}")
    axes.set_xscale("log")
    axes.set_xlim(lowest, 1)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("true accept rate")
    _finish(axes, "ROC", "false accept rate")
    figure.savefig(path, dpi=110)


def bars(labels: Sequence[str], values: Sequence[float], title: str, path: Path) -> None:
    """One horizontal bar for each job of a sweep, best on top.

    Args:
        labels: What differs between the jobs.
        values: Their metric.
        title: The metric's name.
        path: PNG file to write.
    """
    figure = Figure(figsize=(9, 1.2 + 0.4 * len(labels)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(range(len(labels)), values)
    axes.bar_label(drawn, fmt="%.4f", padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(min(0.95 * min(values), 1), max(values) * 1.02)
    axes.set_title(title)
    figure.savefig(path, dpi=110)


def _finish(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
