"""Curves that the priors alone allow, before any data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from emergelaw.plots.bands import draw_band, quantiles
from emergelaw.plots.style import QUIET, axes, scale_x, scale_y, style

if TYPE_CHECKING:
    from emergelaw.axes import Axis


@style()
def plot_prior(
    axis: Axis,
    x: np.ndarray,
    curves: np.ndarray,
    ax: Axes | None = None,
    *,
    chance: float | None = None,
    title: str = "prior predictive curves",
    shown: int = 30,
) -> Axes:
    """Draw prior curves (draw, x) of one task: the first few one by one, all as median with 50 and 90 % bands."""
    ax = axes(ax)
    draw_band(ax, x, quantiles(curves), "#0072B2", linewidth=2)
    ax.plot(x, curves[:shown].T, color=QUIET, linewidth=0.5, alpha=0.6)
    if chance is not None:
        ax.axhline(chance, color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_title(title)
    ax.set_title("no data", loc="right", fontsize=6.5, color=QUIET)
    scale_x(ax, axis, x)
    scale_y(ax)
    return ax
