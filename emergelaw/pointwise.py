"""The point estimates of the Implicit Curriculum paper, straight from counts: what the posterior stands beside.

Emergence is the first checkpoint with accuracy ≥ θ, optionally after a Gaussian filter over checkpoint numbers; tasks
that never emerge share the last rank. Untrained checkpoints (0 tokens) are left out, as the paper's code does.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kendalltau, spearmanr

from emergelaw.axes import axis_of
from emergelaw.errors import InputError

MIN_CHECKPOINTS = 3  # with fewer, "never emerged" says nothing


@dataclass(frozen=True)
class Rule:
    """When a task counts as emerged. relative: θ is a fraction of the task's own best; sigma: filter in checkpoints."""

    threshold: float = 0.8
    sigma: float = 0.0
    relative: bool = False
    horizon: float = np.inf  # last value of the axis that counts, in natural units


def first_crossing(accuracy: np.ndarray, x: np.ndarray, rule: Rule) -> float:
    """Return x of the first checkpoint that reaches the threshold, +inf if none does."""
    smooth = gaussian_filter1d(accuracy, rule.sigma, mode="reflect") if rule.sigma > 0 else accuracy
    needed = rule.threshold * (smooth.max() if rule.relative else 1.0)
    reached = (smooth >= needed) & (smooth > 0)  # half of a best of 0 is not reached by 0
    return float(x[reached.argmax()]) if reached.any() else np.inf


def crossings(ds: xr.Dataset, rule: Rule | None = None, axis: str = "tokens") -> xr.DataArray:
    """Return emergence points (model, task) in x of the axis; +inf is never, NaN measured at too few checkpoints."""
    rule = rule or Rule()
    scale, x = axis_of(ds, axis)
    if scale.log and rule.horizon <= 0:
        raise InputError(f"expected a horizon above 0 {scale.label}, got {rule.horizon:g}: give the last that counts")
    counts = np.isfinite(x) & (x <= (scale.to_x(rule.horizon) if np.isfinite(rule.horizon) else np.inf))
    k, n = (ds[v].transpose("model", "task", "checkpoint").values for v in ("n_correct", "n_trials"))
    t = np.full(k.shape[:2], np.nan)
    for m, j in np.ndindex(t.shape):
        used = (n[m, j] > 0) & counts[m]
        if used.sum() >= MIN_CHECKPOINTS:
            t[m, j] = first_crossing(k[m, j, used] / n[m, j, used], x[m, used], rule)
    return xr.DataArray(t, dims=("model", "task"), coords={"model": ds["model"].values, "task": ds["task"].values})


def agreement(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Return Spearman and Kendall tau-b of two orders: over tasks measured in both, and over those emerged in both."""
    measured = ~(np.isnan(a) | np.isnan(b))
    out: dict[str, float] = {}
    for name, used in (("", measured), ("_both", measured & np.isfinite(a) & np.isfinite(b))):
        ranks = [pd.Series(v[used]).rank().to_numpy() for v in (a, b)]  # average ranks; +inf ties at the bottom
        varies = all(len(np.unique(r)) > 1 for r in ranks)
        out[f"n{name}"] = int(used.sum())
        out[f"spearman{name}"] = float(spearmanr(*ranks).statistic) if varies else np.nan
        out[f"kendall{name}"] = float(kendalltau(*ranks).statistic) if varies else np.nan
    return out


def pairs(t: xr.DataArray) -> pd.DataFrame:
    """Return the agreement of every pair of models."""
    rows = combinations(t.transpose("model", "task"), 2)
    return pd.DataFrame(
        [
            {"model_a": str(a["model"].values), "model_b": str(b["model"].values), **agreement(a.values, b.values)}
            for a, b in rows
        ]
    )


@dataclass(frozen=True)
class Compliance:
    """How composites of one model stand to their components; counted are those with all components measured."""

    emerged: int
    complied: int  # emerged, and no component later
    never: int  # the paper seems to count these as complying


def components_of(ds: xr.Dataset) -> dict[str, list[str]]:
    """Return the components of each composite task."""
    if "components" not in ds.coords:
        return {}
    named = {
        str(t): [c.strip() for c in str(text).split(";") if c.strip()]
        for t, text in zip(ds["task"].values, ds["components"].values, strict=True)
    }
    return {task: parts for task, parts in named.items() if parts}


def compliance(ds: xr.Dataset, t: xr.DataArray) -> dict[str, Compliance]:
    """Return, per model, how many composites emerge no earlier than each of their components."""
    return {str(row["model"].values): _compliance(row.to_series().dropna(), components_of(ds)) for row in t}


def _compliance(t: pd.Series, parts: dict[str, list[str]]) -> Compliance:
    usable = {c: ps for c, ps in parts.items() if c in t.index and all(p in t.index for p in ps)}
    emerged = [c for c in usable if np.isfinite(t[c])]
    complied = sum(bool((t[usable[c]] <= t[c]).all()) for c in emerged)
    return Compliance(len(emerged), complied, len(usable) - len(emerged))
