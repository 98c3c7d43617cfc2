"""When each task emerged, earliest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emergelaw.plots.style import QUIET, axes, figure, mark_origin, model_colors, scale_x, style
from emergelaw.summary import Curves, TaskRow, emergence, measured, spread, task_rows, when

if TYPE_CHECKING:
    from emergelaw.fits import Fit

_INK = "#1b3a5c"


@style()
def plot_emergence(fit: Fit, ax: Axes | None = None, *, rows: list[TaskRow] | None = None) -> Axes:
    """Draw each task's emergence (half rise): median, 90 % interval over models and draws, one tick per model.

    An arrow means later than the last checkpoint; the numbers at the right are P(emerged), least to most over models.
    """
    rows = task_rows(fit) if rows is None else rows
    ax = axes(ax, _size(rows))
    low, high = (float(edge) for edge in (min(r.span[0] for r in rows), max(r.span[1] for r in rows)))
    curves = measured(fit)
    _draw_models(ax, fit, curves, [r.task for r in rows])
    for y, row in enumerate(rows):
        _draw_row(ax, fit, row, y, low, high)
    ax.axvline(high, color=QUIET, linewidth=0.6, linestyle=":")
    ax.set_yticks(range(len(rows)), [r.task for r in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.text(1.02, 1.0, "P(emerged)", transform=ax.transAxes, va="bottom", color=QUIET, fontsize=7.5)
    ax.set_title("half of the rise, with 90 % interval")
    scale_x(ax, fit.axis, np.array([low, high + 0.06 * (high - low)]), most=7)
    mark_origin(ax, fit)
    return ax


@style()
def emergence_figure(fit: Fit, rows: list[TaskRow] | None = None) -> Figure:
    """Draw the chart of all tasks as a figure of its own size."""
    rows = task_rows(fit) if rows is None else rows
    fig = figure(*_size(rows))
    plot_emergence(fit, fig.subplots(), rows=rows)
    return fig


def _size(rows: list[TaskRow]) -> tuple[float, float]:
    """Return a figure size that gives every task its line, and its name room."""
    return 6.4 + 0.065 * max(len(row.task) for row in rows), 0.21 * len(rows) + 1.0


def _draw_row(ax: Axes, fit: Fit, row: TaskRow, y: int, low: float, high: float) -> None:
    start, middle, end = np.clip(row.emergence, low, high)
    ax.plot([start, end], [y, y], color=_INK, linewidth=2.2, solid_capstyle="butt", alpha=0.8)
    if row.emergence[2] == np.inf:
        ax.plot(high + 0.012 * (high - low), y, ">", color=_INK, markersize=4.5, clip_on=False)
    if np.isfinite(row.emergence[1]):
        ax.plot(middle, y, "o", color="white", markeredgecolor=_INK, markersize=4.5, zorder=4)
    if row.emergence[0] == np.inf:
        later = when(fit, np.inf, row.span)
        ax.text(high - 0.01 * (high - low), y, later, ha="right", va="center", color=QUIET, fontsize=7)
    ax.text(1.02, y, spread(*row.p_emerged), transform=ax.get_yaxis_transform(), va="center", fontsize=7.5)


def _draw_models(ax: Axes, fit: Fit, curves: Curves, tasks: list[str]) -> None:
    """Draw the median of every curve that emerged, as a tick in the colour of its model."""
    colors, line = model_colors(fit.data), {task: y for y, task in enumerate(tasks)}
    median = np.array([emergence(fit, curves, np.array([i]), [0.5])[0] for i in range(len(curves.n))])
    shown = np.flatnonzero(np.isfinite(median))
    y = [line[str(t)] + 0.3 for t in fit.draws["task"].values[shown]]
    ink = [colors[str(m)] for m in fit.draws["model"].values[shown]]
    ax.scatter(median[shown], y, s=16, marker="|", linewidth=1, color=ink)
