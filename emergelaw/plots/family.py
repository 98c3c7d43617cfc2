"""The typical curve of each family, and what a new member of it would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from emergelaw.plots.bands import draw_band, grid, quantiles
from emergelaw.plots.curves import draw_chance, refuse_unknown
from emergelaw.plots.style import QUIET, axes, family_colors, mark_origin, scale_x, scale_y, style
from emergelaw.summary import measured

if TYPE_CHECKING:
    from emergelaw.fits import Fit


@style()
def plot_family(fit: Fit, ax: Axes | None = None, *, task: str, families: Sequence[str] | None = None) -> Axes:
    """Draw each family's typical curve with 50 and 90 % bands; dashes bound 90 % of the curves of a new member."""
    ax = axes(ax)
    refuse_unknown("task", [task], fit.draws["task"].values)
    refuse_unknown("family", families or (), fit.draws["family"].values)
    here = fit.draws["task"].values == task
    colors = family_colors(fit.data)
    x = grid(measured(fit))
    for family in families or sorted(set(map(str, fit.draws["family"].values[here]))):
        _draw_family(ax, x, fit.family_curves(x, task, family), colors[family], family or "all models")
    draw_chance(ax, fit, task)
    ax.plot([], [], color=QUIET, linewidth=0.8, linestyle="--", label="new member, 90 %")
    ax.legend(loc="best")
    ax.set_title(task)
    scale_x(ax, fit.axis, x)
    scale_y(ax)
    mark_origin(ax, fit)
    return ax


def _draw_family(ax: Axes, x: np.ndarray, curves: dict[str, np.ndarray], color: Any, name: str) -> None:
    draw_band(ax, x, quantiles(curves["typical"]), color, label=name)
    for edge in np.quantile(curves["new_member"], (0.05, 0.95), axis=0):
        ax.plot(x, edge, color=color, linewidth=0.8, linestyle="--")
