"""Measured points and posterior curves of one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import beta

from emergelaw.errors import InputError, did_you_mean
from emergelaw.plots.bands import Bands, curve_bands, draw_band
from emergelaw.plots.style import MARKERS, QUIET, axes, mark_origin, model_colors, scale_x, scale_y, style

if TYPE_CHECKING:
    from emergelaw.fits import Fit


@style()
def plot_curves(
    fit: Fit,
    ax: Axes | None = None,
    *,
    task: str,
    models: Sequence[str] | None = None,
    whiskers: bool = False,
    bands: Bands | None = None,
) -> Axes:
    """Draw the points of a task (larger with more items) and each model's posterior curve with 50 and 90 % bands.

    whiskers adds exact binomial 95 % intervals; bands, computed once with `curve_bands`, saves time over many tasks.
    """
    ax = axes(ax)
    bands = bands or curve_bands(fit)
    colors = model_colors(fit.data)
    for i, curve in enumerate(select_curves(fit, task, models)):
        model = str(fit.draws["model"].values[curve])
        draw_band(ax, *trace(bands, curve), colors[model])
        marker = MARKERS[i % len(MARKERS)]
        ax.plot([], [], color=colors[model], marker=marker, markersize=3.5, label=model)
        draw_points(ax, *bands.curves.points(curve), color=colors[model], marker=marker, whiskers=whiskers)
    draw_chance(ax, fit, task)
    ax.legend(loc="best")
    ax.set_title(task)
    scale_x(ax, fit.axis, bands.x)
    scale_y(ax)
    mark_origin(ax, fit)
    return ax


def select_curves(fit: Fit, task: str, models: Sequence[str] | None = None) -> list[int]:
    """Return the curves of a task, smallest model first, in the order of `models` if given."""
    refuse_unknown("task", [task], fit.draws["task"].values)
    refuse_unknown("model", models or (), fit.draws["model"].values)
    here = {str(fit.draws["model"].values[i]): int(i) for i in np.flatnonzero(fit.draws["task"].values == task)}
    return [here[m] for m in models or by_size(fit) if m in here]


def refuse_unknown(what: str, asked: Sequence[str], known: np.ndarray) -> None:
    names = sorted(set(map(str, known)))
    for name in asked:
        if name not in names:
            raise InputError(
                f"expected a {what} of this fit, got {name!r}{did_you_mean(name, names)}: "
                f"choose from {', '.join(names[:10])}{' …' if len(names) > 10 else ''}"
            )


def by_size(fit: Fit) -> list[str]:
    """Return model names from small to large."""
    size = dict(zip(map(str, fit.data["model"].values), fit.data["params"].values.astype(float), strict=True))
    return sorted(size, key=lambda m: (np.nan_to_num(size[m], nan=np.inf), m))


def trace(bands: Bands, curve: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and quantiles (level, x) of one curve within its measured range."""
    step = bands.x[1] - bands.x[0]
    shown = (bands.x > bands.curves.first[curve] - step) & (bands.x < bands.curves.last[curve] + step)
    return bands.x[shown], bands.quantiles[:, curve, shown]


def draw_points(
    ax: Axes, x: np.ndarray, k: np.ndarray, n: np.ndarray, *, color: Any, marker: str, whiskers: bool
) -> None:
    """Draw accuracies k/n; the area of a point grows with the number of items."""
    ax.scatter(x, k / n, s=point_area(n), color=[color], marker=marker, alpha=0.75, linewidth=0, zorder=3)
    if whiskers:
        low, high = binomial_interval(k, n)
        ax.vlines(x, low, high, color=[color], linewidth=0.6, alpha=0.6)


def point_area(n: np.ndarray) -> np.ndarray:
    """Return marker areas (points squared) that grow with the logarithm of the number of items."""
    return 3.5 * np.log10(n + 1.0)


def binomial_interval(k: np.ndarray, n: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact (Clopper–Pearson) interval of k of n."""
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, beta.ppf(tail, np.maximum(k, 1), n - k + 1))
    high = np.where(k == n, 1.0, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)))
    return low, high


def draw_chance(ax: Axes, fit: Fit, task: str) -> None:
    """Draw chance as a dotted line."""
    ax.axhline(float(fit.data["chance"].sel(task=task)), color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
