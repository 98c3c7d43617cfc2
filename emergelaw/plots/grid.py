"""Small multiples: all tasks in one figure, and all models of one task in one figure."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from emergelaw.axes import quantity
from emergelaw.plots.bands import Bands, curve_bands
from emergelaw.plots.curves import by_size, draw_chance, plot_curves, point_area, select_curves, trace
from emergelaw.plots.family import plot_family
from emergelaw.plots.style import figure, mark_figure, model_colors, scale_x, scale_y, style

if TYPE_CHECKING:
    from emergelaw.fits import Fit

_PER_PANEL = 5  # curves whose bands can still be told apart in one panel
_MOST_FAMILIES = 5  # with more, panels by family would be mostly empty


@style()
def plot_grid(fit: Fit, *, bands: Bands | None = None, columns: int | None = None) -> Figure:
    """Draw one small panel per task, with every model's points and curve (90 % band) coloured by its size."""
    bands = bands or curve_bands(fit)
    tasks = list(dict.fromkeys(map(str, fit.draws["task"].values)))
    columns = min(columns or (4 if len(tasks) <= 16 else 6), len(tasks))
    rows = ceil(len(tasks) / columns)
    fig = figure(max(2.3 * columns, 4.6), 1.75 * rows + 0.5)
    panels = fig.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(panels.flat):
        if i < len(tasks):
            _draw_panel(ax, fit, bands, tasks[i])
            _label_edges(ax, fit, bands, left=i % columns == 0, bottom=i + columns >= len(tasks))
        else:
            ax.axis("off")
    _size_bar(fig, fit, panels)
    mark_figure(fig, fit)
    return fig


def _draw_panel(ax: Axes, fit: Fit, bands: Bands, task: str) -> None:
    """Draw all curves of a task, as pixels even in vector files: a fit may have a thousand of them."""
    colors, curves = model_colors(fit.data), select_curves(fit, task)
    ink = [colors[str(m)] for m in fit.draws["model"].values[curves]]
    traced = [trace(bands, curve) for curve in curves]
    edges = [np.r_[np.c_[x, q[0]], np.c_[x, q[4]][::-1]] for x, q in traced]
    lines = [np.c_[x, q[2]] for x, q in traced]
    # The three lie next to each other in drawing order, so that they become one image.
    one = {"rasterized": True, "zorder": 2}
    ax.add_collection(PolyCollection(edges, facecolors=ink, alpha=min(0.2, 1.5 / len(curves)), **one))
    ax.add_collection(LineCollection(lines, colors=ink, linewidth=0.9, **one))
    points = [np.c_[x, k / n, point_area(n)] for x, k, n in map(bands.curves.points, curves)]
    x, y, area = np.concatenate(points).T
    ax.scatter(x, y, s=0.4 * area, color=np.repeat(ink, list(map(len, points)), axis=0), alpha=0.75, linewidth=0, **one)
    draw_chance(ax, fit, task)
    ax.set_title(task, fontsize=min(9, 9 * 22 / max(len(task), 1)))


def _label_edges(ax: Axes, fit: Fit, bands: Bands, *, left: bool, bottom: bool) -> None:
    scale_x(ax, fit.axis, bands.x, label=bottom)
    scale_y(ax, label=left)
    ax.tick_params(labelleft=left, labelbottom=bottom)


def _size_bar(fig: Figure, fit: Fit, panels: np.ndarray) -> None:
    size = fit.data["params"].values.astype(float)
    if not np.isfinite(size).all() or np.ptp(size) == 0:
        return
    cmap = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))
    bar = fig.colorbar(
        ScalarMappable(LogNorm(size.min(), size.max()), cmap),
        ax=panels,
        aspect=40,
        pad=0.01,
        fraction=0.02,
        label="parameters",
    )
    at = np.unique(np.quantile(size, (0, 0.33, 0.67, 1), method="nearest"))
    bar.set_ticks(list(at), labels=[quantity(v) for v in at], minor=False)
    bar.ax.minorticks_off()


@style()
def task_figure(fit: Fit, task: str, *, bands: Bands | None = None, columns: int = 3) -> Figure:
    """Draw one task in full: its models a few per panel, with bands and points, then its families."""
    bands = bands or curve_bands(fit)
    groups = _groups(fit, task)
    columns = min(columns, len(groups) + 1)
    rows = ceil((len(groups) + 1) / columns)
    fig = figure(3.1 * columns, 2.4 * rows + 0.2)
    panels = fig.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(panels.flat):
        if i < len(groups):
            plot_curves(fit, ax, task=task, models=groups[i][1], bands=bands)
            ax.set_title(groups[i][0])
        elif i == len(groups):
            plot_family(fit, ax, task=task).set_title("families")
        else:
            ax.axis("off")
        ax.set_title("", loc="right")  # the origin is written once for the figure
        _keep_edges(ax, left=i % columns == 0, bottom=i + columns > len(groups))
    fig.suptitle(task, x=0.01, ha="left", fontsize=10, fontweight="bold")
    mark_figure(fig, fit)
    return fig


def _keep_edges(ax: Axes, *, left: bool, bottom: bool) -> None:
    if not left:
        ax.set_ylabel("")
    if not bottom:
        ax.set_xlabel("")


def _groups(fit: Fit, task: str) -> list[tuple[str, list[str]]]:
    """Return (title, models) of each panel: by family, each family dealt out so that every panel spans its sizes."""
    family = dict(zip(map(str, fit.data["model"].values), map(str, fit.data["family"].values), strict=True))
    models = [str(fit.draws["model"].values[c]) for c in select_curves(fit, task, by_size(fit))]
    families = sorted({family[m] for m in models})
    if len(families) > _MOST_FAMILIES:
        families, family = ["models"], dict.fromkeys(models, "models")
    groups = []
    for name in families:
        members = [m for m in models if family[m] == name]
        parts = ceil(len(members) / _PER_PANEL)
        groups += [(name or "models", members[i::parts]) for i in range(parts)]
    return groups
