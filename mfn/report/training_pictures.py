"""What runs and sweeps look like: learning curve and bars."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mfn.report.figures import finish
from mfn.report.history import Series


def learning_curve(history: Mapping[str, Series]) -> Figure:
    """Loss, target angle, verification accuracy and learning rate over the steps, as far as they were measured.

    Args:
        history: From :func:`mfn.report.history.read_history`.
    """
    accuracies = [name for name in history if name.startswith("val/") and name.endswith("/accuracy")]
    parts = [name for name in history if name.startswith("train/") and name.endswith("_loss")]
    shown: list[tuple[str, list[str]]] = [
        ("loss", ["train/loss", *parts, "val/loss"]),
        ("target angle, degrees", ["train/target_angle"]),
        ("accuracy", ["train/accuracy", *accuracies]),
        ("learning rate", [name for name in history if name.startswith("lr-")]),
    ]
    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = figure.subplots(2, 2).flat
    for title, names in shown:
        measured = [name for name in names if name in history]
        if not measured:
            continue  # a run without a head has no target angle
        axes = next(panels)
        for name in measured:
            steps, values = zip(*history[name], strict=True)
            axes.plot(steps, values, label=name, marker="o" if len(steps) < 20 else None)
        axes.grid(alpha=0.3)
        finish(axes, title, "step")
    for empty in panels:
        empty.set_axis_off()
    return figure


def bars(labels: Sequence[str], values: Sequence[float], title: str) -> Figure:
    """One horizontal bar for each job of a sweep, in the order given from the top.

    Args:
        labels: What differs between the jobs.
        values: Their metric.
        title: The metric's name.
    """
    figure = Figure(figsize=(9, 1.2 + 0.4 * len(labels)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(range(len(labels)), values)
    axes.bar_label(drawn, fmt="%.4f", padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(min(0.95 * min(values), 1), max(values) * 1.02)
    axes.set_title(title)
    return figure
