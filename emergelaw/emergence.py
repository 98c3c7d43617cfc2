"""Where a curve emerges: five definitions, each giving a posterior of the emergence point per (task, model).

Emergence is censored: a curve that has not emerged by its model's last checkpoint has the point +inf (not a rank, not
a number), one that had emerged by the first checkpoint has that checkpoint's x and means "at or before it".
The arithmetic works on plain arrays, p (…, grid) over an ascending finite grid x; `points` gives it names.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw.axes import Axis, axis_of, convert, named
from emergelaw.errors import InputError, did_you_mean

GRID = 128  # points between the first and the last checkpoint of a model
CELLS = 2e7  # most accuracies held at once
MIN_RISE = 0.1  # a curve that rises by less has no half rise and no elbow
COLUMNS = ("task", "model", "definition", "axis", "median", "5 %", "95 %", "p_emerged")


def crossing(p, x, theta) -> np.ndarray:
    """Return the first x where p ≥ theta, linear between grid points; x[0] if already above there, +inf if never."""
    p, x, theta = np.asarray(p, float), np.asarray(x, float), np.asarray(theta, float)[..., None]
    above = p >= theta
    after = above.argmax(-1)[..., None]
    before = np.maximum(after - 1, 0)
    low, high = np.take_along_axis(p, before, -1), np.take_along_axis(p, after, -1)
    share = np.divide(theta - low, high - low, out=np.zeros(low.shape), where=after > 0)
    at = x[before] + share * (x[after] - x[before])
    return np.where(above.any(-1), at[..., 0], np.inf)


def relative_crossing(p, x, alpha: float) -> np.ndarray:
    """Return the first x where p reaches the fraction alpha of its own best (of accuracy, not of the rise)."""
    best = np.max(p, -1)
    return crossing(p, x, np.where(best > 0, alpha * best, np.inf))  # 0 is no fraction of 0


def stable_crossing(p, x, theta: float, held: int) -> np.ndarray:
    """Return the first checkpoint x from which p ≥ theta holds at `held` consecutive checkpoints; +inf if never."""
    above = np.asarray(p) >= theta
    if above.shape[-1] < held:
        return np.full(above.shape[:-1], np.inf)
    runs = np.lib.stride_tricks.sliding_window_view(above, held, -1).all(-1)
    return np.where(runs.any(-1), np.asarray(x, float)[runs.argmax(-1)], np.inf)


def elbow(p, x, min_rise: float = MIN_RISE) -> np.ndarray:
    """Return x where p lies farthest above the straight line between its ends, axes scaled to 0–1 (Kneedle's knee).

    A curve nowhere above that line bends the other way: there the point farthest below it. Rise below min_rise: +inf.
    """
    p, x = np.asarray(p, float), np.asarray(x, float)
    rise = p[..., -1:] - p[..., :1]
    scaled = np.divide(p - p[..., :1], rise, out=np.zeros(p.shape), where=rise >= min_rise)
    gap = scaled - (x - x[0]) / (x[-1] - x[0])
    knee = np.where(gap.max(-1) > 1e-9, gap.argmax(-1), gap.argmin(-1))
    return np.where(rise[..., 0] >= min_rise, x[knee], np.inf)


def censored(t, first: float, last: float) -> np.ndarray:
    """Return t as seen between the first and the last checkpoint: earlier is the first, later is +inf."""
    t = np.asarray(t, float)
    return np.where(t > last, np.inf, np.maximum(t, first))


@dataclass(frozen=True)
class Member:
    """Posterior curves of one model: evaluate(x) is (sample, curve, x); checkpoints are its finite x, ascending."""

    evaluate: Callable[[np.ndarray], np.ndarray]
    checkpoints: np.ndarray
    draws: xr.Dataset

    @cached_property
    def grid(self) -> np.ndarray:
        return np.linspace(self.checkpoints[0], self.checkpoints[-1], GRID)

    @cached_property
    def on_grid(self) -> np.ndarray:
        return self.evaluate(self.grid)

    def half_rise(self) -> np.ndarray:
        """Return the onset parameter where the curve rises at all."""
        risen = (self.draws["ceiling"] - self.draws["floor"]).values >= MIN_RISE
        onset = np.where(risen, self.draws["onset"].values, np.inf)
        return censored(onset, self.checkpoints[0], self.checkpoints[-1])


@dataclass(frozen=True)
class Definition:
    """What counts as emergence: the name that tables carry, and where the curves of one model do so (sample, curve)."""

    name: str
    locate: Callable[[Member], np.ndarray]


def _relative(alpha: float, _: int) -> Definition:
    return Definition(f"relative {alpha:g}", lambda m: relative_crossing(m.on_grid, m.grid, alpha))


def _stable(theta: float, held: int) -> Definition:
    return Definition(
        f"stable-{held} {theta:g}", lambda m: stable_crossing(m.evaluate(m.checkpoints), m.checkpoints, theta, held)
    )


KINDS: dict[str, Callable[[float, int], Definition]] = {
    "absolute": lambda theta, _: Definition(f"absolute {theta:g}", lambda m: crossing(m.on_grid, m.grid, theta)),
    "relative": _relative,
    "stable": _stable,
    "elbow": lambda *_: Definition("elbow", lambda m: elbow(m.on_grid, m.grid)),
    "half-rise": lambda *_: Definition("half-rise", Member.half_rise),
}


def define(kind: str = "absolute", threshold: float = 0.8, held: int = 3) -> Definition:
    """Return a definition: absolute θ, relative α (fraction of the own best), stable (θ held), elbow or half-rise."""
    if kind not in KINDS:
        raise InputError(
            f"expected a definition of emergence among {', '.join(KINDS)}, got {kind!r}"
            f"{did_you_mean(kind, KINDS)}: choose one of them"
        )
    if not 0 < threshold <= 1:
        raise InputError(f"expected a threshold above 0 and at most 1, got {threshold:g}: give an accuracy such as 0.8")
    if held < 1:
        raise InputError(f"expected a threshold to be held for at least 1 checkpoint, got {held}: raise it")
    return KINDS[kind](threshold, held)


def points(fit: Any, definition: Definition | None = None, axis: str | None = None) -> xr.DataArray:
    """Return the posterior of the emergence point (sample, curve) in x of the axis.

    Coordinates on curve: model, task, and first and last, the x of the model's outermost trained checkpoints.
    """
    return points_by(fit, [definition or define()], axis)[0]


def points_by(fit: Any, definitions: Sequence[Definition], axis: str | None = None) -> list[xr.DataArray]:
    """Return the points by each of several definitions; the curves are evaluated once."""
    target = named(axis or fit.axis.name)
    models = fit.draws["model"].values.astype(str)
    t = np.empty((len(definitions), fit.draws.sizes["sample"], len(models)))
    ends = np.empty((2, len(models)))
    for model in dict.fromkeys(models.tolist()):
        checkpoints = trained_checkpoints(fit.data, model, fit.axis)
        for rows in _blocks(np.flatnonzero(models == model), t.shape[1]):
            member = _member(fit, rows, checkpoints)
            found = np.stack([definition.locate(member) for definition in definitions])
            t[:, :, rows], ends[:, rows] = _on_axis(fit, model, (found, checkpoints), target)
    coords = {
        "model": ("curve", models),
        "task": ("curve", fit.draws["task"].values.astype(str)),
        "first": ("curve", ends[0]),
        "last": ("curve", ends[1]),
    }
    return [
        xr.DataArray(
            one, dims=("sample", "curve"), coords=coords, attrs={"definition": definition.name, "axis": target.name}
        )
        for one, definition in zip(t, definitions, strict=True)
    ]


def _member(fit: Any, rows: np.ndarray, checkpoints: np.ndarray) -> Member:
    return Member(lambda x: fit.curves(x, rows), checkpoints, fit.draws.isel(curve=rows))


def _blocks(rows: np.ndarray, samples: int) -> Iterator[np.ndarray]:
    """Cut the curves of one model so that no block holds more than CELLS accuracies."""
    size = max(1, int(CELLS / (samples * GRID)))
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _on_axis(fit: Any, model: str, found: tuple[np.ndarray, np.ndarray], target: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return the points and the first and last checkpoint on the target axis."""
    t, checkpoints = found
    if target.name == fit.axis.name:
        return t, checkpoints[[0, -1], None]
    ends = trained_checkpoints(fit.data, model, target)[[0, -1]]
    moved = convert(fit.data, model, t, fit.axis.name, target.name)
    # Nothing leaves the measured range, so NaN lies between the untrained and the first trained checkpoint.
    return np.where(np.isnan(moved), ends[0], moved), ends[:, None]


def trained_checkpoints(ds: xr.Dataset, model: str, axis: Axis) -> np.ndarray:
    """Return the finite x of the measured checkpoints of a model, ascending."""
    one = ds.sel(model=[model])
    x = axis_of(one, axis.name)[1][0]
    x = np.unique(x[(one["n_trials"] > 0).any("task").values[0] & np.isfinite(x)])
    if len(x) < 2:
        raise InputError(
            f"expected at least 2 measured trained checkpoints of model {model!r} on the {axis.label} "
            f"axis, got {len(x)}: leave the model out or measure more checkpoints"
        )
    return x


def p_by(t: xr.DataArray, value: float) -> np.ndarray:
    """Return P(emerged by value, in natural units) of each curve; NaN past the model's last checkpoint (a forecast)."""
    x = named(t.attrs["axis"]).to_x(value)
    return np.where(x <= t["last"].values, (t.values <= x).mean(0), np.nan)


def table(t: xr.DataArray) -> pd.DataFrame:
    """Return one row per curve, in natural units; inf: not by the last checkpoint. Quantiles are drawn values."""
    axis = named(t.attrs["axis"])
    middle, low, high = np.quantile(t.values, [0.5, 0.05, 0.95], axis=0, method="inverted_cdf")
    never = np.isinf([middle, low, high])
    middle, low, high = np.where(never, np.inf, axis.from_x([middle, low, high]))
    rows = (
        t["task"].values,
        t["model"].values,
        t.attrs["definition"],
        axis.name,
        middle,
        low,
        high,
        np.isfinite(t.values).mean(0),
    )
    return pd.DataFrame(dict(zip(COLUMNS, rows, strict=True)))


def emergence_table(fit: Any, definition: Definition | None = None, axis: str | None = None) -> pd.DataFrame:
    """Return the emergence point of every (task, model): median, 90 % interval, P(emerged by the last checkpoint)."""
    return table(points(fit, definition, axis))
