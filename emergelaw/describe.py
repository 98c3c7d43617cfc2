"""What is in a data set, before any model: holes, flat curves, dispersion between checkpoints, suspicious repeats."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import isotonic_regression
from scipy.stats import chi2

from emergelaw.contract import provenance, without_tokens

LEVEL = 0.01  # of the tests behind the shapes of curves
SHAPES = ("flat", "rising", "falling", "non-monotone", "too short")
CURVE_COLUMNS = ["model", "task", "points", "first", "last", "dispersion", "shape"]
TINY = 1e-12


def dispersion(k: np.ndarray, n: np.ndarray, x: np.ndarray) -> float:
    """Return the variance between checkpoints over the binomial variance p(1-p)/n, or NaN where it cannot be known.

    The former is the residual variance about a quadratic in x (log tokens) through the last half of the curve. All
    arguments have the checkpoints in the last axis, in order; the curves of further axes are pooled. n = 0 is a gap.
    """
    k, n, x = (a.reshape(-1, a.shape[-1]) for a in np.broadcast_arrays(k, n, x))
    pairs = np.array([_residual_and_binomial_variance(*curve) for curve in zip(k, n, x, strict=True)])
    residual, binomial = pairs[np.isfinite(pairs).all(1)].sum(0)
    return float(residual / binomial) if binomial > 0 else float("nan")


def _residual_and_binomial_variance(k: np.ndarray, n: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    measured = np.flatnonzero(n > 0)
    late = measured[len(measured) - len(measured) // 2 :]
    late = late[np.isfinite(x[late])]  # log 0 of an untrained checkpoint
    if len(late) < 4:  # a quadratic needs a fourth point to leave a residual
        return float("nan"), float("nan")
    p, z = k[late] / n[late], x[late] - x[late].mean()
    if np.ptp(p) == 0:  # exactly, where least squares would leave rounding errors
        return 0.0, (p * (1 - p) / n[late]).mean()
    powers = np.vander(z / (np.abs(z).max() or 1.0), 3)
    smooth = powers @ np.linalg.lstsq(powers, p, rcond=None)[0]
    bounded = smooth.clip(0, 1)
    return ((p - smooth) ** 2).sum() / (len(late) - 3), (bounded * (1 - bounded) / n[late]).mean()


def shape_of(k: np.ndarray, n: np.ndarray, phi: float) -> str:
    """Return one of SHAPES for the curve k of n, by χ² tests of a constant and of monotone fits at phi × binomial."""
    k, n = k[n > 0], n[n > 0]
    if len(n) < 3:
        return "too short"
    p, mean = k / n, k.sum() / n.sum()
    if np.ptp(p) < TINY or _fits(p, np.full_like(p, mean), n, phi):
        return "flat"
    for name, increasing in (("rising", True), ("falling", False)):
        fit = isotonic_regression(p, weights=n, increasing=increasing)
        if _fits(p, fit.x, n, phi):
            return name
    return "non-monotone"


def _fits(p: np.ndarray, fit: np.ndarray, n: np.ndarray, phi: float) -> bool:
    variance = np.maximum(phi * fit * (1 - fit) / n, TINY)
    return ((p - fit) ** 2 / variance).sum() <= chi2.ppf(1 - LEVEL, len(p) - 1)


def log_position(ds: xr.Dataset) -> np.ndarray:
    """Return log10 tokens (log10 step where tokens have gaps) of every checkpoint, -inf for an untrained one."""
    by_step = without_tokens(ds).any(1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log10(np.where(by_step, ds["step"].values, ds["tokens"].values))


def task_dispersion(ds: xr.Dataset) -> np.ndarray:
    """Return the dispersion of each task, pooled over models."""
    x = log_position(ds)
    return np.array(
        [dispersion(ds["n_correct"].values[..., t], ds["n_trials"].values[..., t], x) for t in range(ds.sizes["task"])]
    )


def curve_table(ds: xr.Dataset, phi: np.ndarray) -> pd.DataFrame:
    """Return one row per measured curve; phi, the dispersion of its task, decides its shape."""
    known = np.where(phi > 0, phi, 1.0)  # binomial where late checkpoints are too few, or too perfect, to tell
    x = log_position(ds)
    rows = []
    for m, t in np.argwhere((ds["n_trials"].values > 0).any(1)):
        k, n = ds["n_correct"].values[m, :, t], ds["n_trials"].values[m, :, t]
        p = (k / np.where(n > 0, n, 1))[n > 0]
        names = {"model": ds["model"].values[m], "task": ds["task"].values[t]}
        points = {"points": len(p), "first": p[0], "last": p[-1]}
        rows.append({**names, **points, "dispersion": dispersion(k, n, x[m]), "shape": shape_of(k, n, float(known[t]))})
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def model_table(ds: xr.Dataset) -> pd.DataFrame:
    """Return one row per model: family, size, number of measured checkpoints, their range, its tasks and holes."""
    measured = ds["n_trials"].values > 0
    holes = _holes(ds).sum((1, 2))
    tokens = np.where(measured.any(2), ds["tokens"].values, np.nan)
    step = np.where(measured.any(2), ds["step"].values, np.nan)
    return pd.DataFrame(
        {
            "model": ds["model"].values,
            "family": ds["family"].values,
            "params": ds["params"].values,
            "checkpoints": measured.any(2).sum(1),
            "tokens_first": _edge(tokens, np.fmin),
            "tokens_last": _edge(tokens, np.fmax),
            "step_last": _edge(step, np.fmax),
            "tasks": measured.any(1).sum(1),
            "holes": holes,
        }
    )


def _edge(values: np.ndarray, choose: np.ufunc) -> np.ndarray:
    return choose.reduce(values, axis=1, initial=np.nan)


def task_table(ds: xr.Dataset, phi: np.ndarray, curves: pd.DataFrame) -> pd.DataFrame:
    """Return one row per task: category, range of n, chance, models, item sets, dispersion and counts of shapes."""
    n = ds["n_trials"].values
    used = ds["item_set"].where((ds["n_trials"] > 0).any("checkpoint"), "").transpose("task", "model").values
    sets = [sorted({str(s) for s in column if s}) for column in used]
    table = pd.DataFrame(
        {
            "task": ds["task"].values,
            "category": ds["category"].values,
            "chance": ds["chance"].values,
            "n_min": np.where(n > 0, n, n.max()).min((0, 1)),
            "n_max": n.max((0, 1)),
            "models": (n > 0).any(1).sum(0),
            "item_sets": sets,
            "dispersion": phi,
        }
    )
    shapes = pd.crosstab(curves["task"], curves["shape"]).reindex(index=table["task"], columns=SHAPES, fill_value=0)
    return table.join(shapes, on="task")


def _holes(ds: xr.Dataset) -> np.ndarray:
    """Mark the cells one expects (the model was measured at that checkpoint, and on that task) and does not find."""
    measured = ds["n_trials"].values > 0
    return measured.any(2, keepdims=True) & measured.any(1, keepdims=True) & ~measured


def repeats(ds: xr.Dataset) -> list[list[dict[str, Any]]]:
    """Return the groups of checkpoints with equal counts in every task, where that is no coincidence.

    Two evaluations of the same weights agree like this. Coincidence: independent draws at half the binomial sd (the
    items are the same) would match in some pair of all these checkpoints with a chance above LEVEL.
    """
    k, n = ds["n_correct"].values, ds["n_trials"].values
    spots: dict[bytes, list[tuple[int, int]]] = {}
    where = [(int(m), int(c)) for m, c in np.argwhere((n > 0).any(2))]
    for m, c in where:
        spots.setdefault(k[m, c].tobytes() + n[m, c].tobytes(), []).append((m, c))
    pairs = len(where) * (len(where) - 1) / 2
    return [
        [_place(ds, *spot) for spot in group]
        for group in spots.values()
        if len(group) > 1 and pairs * _chance_of_a_match(k[group[0]], n[group[0]]) < LEVEL
    ]


def _chance_of_a_match(k: np.ndarray, n: np.ndarray) -> float:
    spread = np.pi * k * (n - k) / np.maximum(n, 1)  # two normals at half the binomial sd agree with P = spread^-1/2
    return float(np.exp(-0.5 * np.log(np.maximum(spread, 1.0)).sum()))


def _place(ds: xr.Dataset, m: int, c: int) -> dict[str, Any]:
    return {
        "model": str(ds["model"].values[m]),
        "checkpoint": c,
        **{axis: _number(ds[axis].values[m, c]) for axis in ("step", "tokens")},
    }


def describe(ds: xr.Dataset) -> dict[str, Any]:
    """Return everything above as plain values that JSON can hold; provenance first."""
    phi = task_dispersion(ds)
    curves = curve_table(ds, phi)
    tasks = task_table(ds, phi, curves)
    holes = _holes(ds)
    return {
        "provenance": provenance(ds),
        "cells": int((ds["n_trials"].values > 0).sum()),
        "curves": {"measured": len(curves), **{s: int((curves["shape"] == s).sum()) for s in SHAPES}},
        "models": _records(model_table(ds)),
        "tasks": _records(tasks),
        "item_sets_differ": [t for t, sets in zip(tasks["task"], tasks["item_sets"], strict=True) if len(sets) > 1],
        "holes": {
            "count": int(holes.sum()),
            "first": [
                {**_place(ds, m, c), "task": str(ds["task"].values[t])} for m, c, t in np.argwhere(holes)[:5].tolist()
            ],
        },
        "dispersion": {
            "tasks": _quantiles(tasks["dispersion"]),
            "curves": _quantiles(curves["dispersion"]),
            **_extremes(tasks),
        },
        "repeats": repeats(ds),
    }


def _quantiles(values: pd.Series) -> dict[str, Any]:
    quantiles = values.quantile([0.5, 0.1, 0.9])
    named = dict(zip(("median", "q10", "q90"), map(_number, quantiles), strict=True))
    return {"known": int(values.notna().sum()), **named}


def _extremes(tasks: pd.DataFrame) -> dict[str, Any]:
    known = _records(tasks.dropna(subset=["dispersion"]).sort_values("dispersion")[["task", "dispersion"]])
    return {"lowest": known[:3], "highest": known[::-1][:3]}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _number(v) for k, v in row.items()} for row in table.to_dict("records")]


def _number(value: Any) -> Any:
    """Return NaN as None, whole numbers as int, numpy numbers as plain ones; anything else as it is."""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)
    return value.item() if isinstance(value, np.generic) else value
