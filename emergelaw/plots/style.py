"""One look for every figure: fonts, colours, ticks, the mark of origin, files equal from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib import colormaps, pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emergelaw.summary import origin

if TYPE_CHECKING:
    import xarray as xr

    from emergelaw.axes import Axis
    from emergelaw.fits import Fit

RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.labelspacing": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "figure.dpi": 110,
    "savefig.dpi": 130,
    "svg.hashsalt": "emergelaw",
    "path.simplify": True,
}
# Okabe and Ito's colours, told apart by colour-blind readers; yellow is left out because it fades on white.
FAMILY_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "os^DvP"
ALERT, QUIET = "#B22222", "#666666"


def style() -> Any:
    """Return the style as a context manager, which is also a decorator."""
    return matplotlib.rc_context(RC)


def axes(ax: Axes | None, size: tuple[float, float] = (4.5, 3.2)) -> Axes:
    """Return the axis given, or a new one that a notebook will show."""
    return ax if ax is not None else pyplot.subplots(figsize=size, layout="constrained")[1]


def figure(width: float, height: float) -> Figure:
    """Return a figure outside pyplot's list: hundreds of them may be drawn and forgotten."""
    return Figure(figsize=(width, height), layout="constrained")


def model_colors(data: xr.Dataset) -> dict[str, Any]:
    """Return one colour per model, dark to light by log parameters; evenly spaced if sizes are unknown."""
    size = np.log10(data["params"].values.astype(float))
    if not np.isfinite(size).all():
        size = np.arange(len(size), dtype=float)
    share = (size - size.min()) / max(float(np.ptp(size)), 1e-9)
    return {str(m): colormaps["viridis"](0.88 * s) for m, s in zip(data["model"].values, share, strict=True)}


def family_colors(data: xr.Dataset) -> dict[str, str]:
    """Return one colour per family."""
    families = sorted(set(map(str, data["family"].values)))
    return {f: FAMILY_COLORS[i % len(FAMILY_COLORS)] for i, f in enumerate(families)}


def scale_x(ax: Axes, axis: Axis, x: np.ndarray, label: bool = True, most: int | None = None) -> None:
    """Limit the x axis to the data and label it in tokens, FLOPs … instead of their logarithms."""
    low, high = float(np.min(x)), float(np.max(x))
    pad = 0.02 * (high - low) or 0.5
    ax.set_xlim(low - pad, high + pad)
    inches = ax.get_position().width * ax.figure.get_figure(root=True).get_figwidth()
    at = ticks(axis, low - pad, high + pad, most=most or max(2, int(2 * inches)))
    ax.set_xticks(at, [axis.text(t) for t in at])
    if label:
        ax.set_xlabel(axis.label)


def ticks(axis: Axis, low: float, high: float, most: int) -> np.ndarray:
    """Return at most `most` readable positions: powers of ten (or 1, 2, 5) on a log axis, round numbers elsewhere."""
    if not axis.log:
        at = np.asarray(MaxNLocator(most).tick_values(low, high))
        return at[(at >= low) & (at <= high)]
    decades = np.arange(np.floor(low), np.ceil(high) + 1)
    candidates = [np.sort(np.add.outer(decades, np.log10(m)).ravel()) for m in ((1, 2, 5), (1, 3))]
    candidates += [decades[start::every] for every in range(1, len(decades) + 1) for start in range(every)]
    shown = [at[(at >= low) & (at <= high)] for at in candidates]
    return max((at for at in shown if len(at) <= most), key=len)


def scale_y(ax: Axes, label: bool = True) -> None:
    """Show accuracies from 0 to 1."""
    ax.set_ylim(-0.02, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    if label:
        ax.set_ylabel("accuracy")


def mark_origin(ax: Axes, fit: Fit) -> None:
    """Write measured, published or SIMULATED above the right end of an axis."""
    text = origin(fit)
    simulated = text.isupper()
    ax.set_title(
        text,
        loc="right",
        fontsize=6.5,
        color=ALERT if simulated else QUIET,
        fontweight="bold" if simulated else "normal",
    )


def mark_figure(fig: Figure, fit: Fit) -> None:
    """Write measured, published or SIMULATED below the figure, once for all its panels."""
    text = origin(fit)
    fig.supxlabel(
        text,
        x=0.995,
        ha="right",
        fontsize=7,
        color=ALERT if text.isupper() else QUIET,
        fontweight="bold" if text.isupper() else "normal",
    )


def save(fig: Figure, path: str | Path) -> Path:
    """Write a figure; the same figure gives the same bytes (no date, no random ids)."""
    path = Path(path)
    with style():
        fig.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})
        fig.set_layout_engine("none")  # found once, kept for other formats: it costs more than the drawing
    return path
