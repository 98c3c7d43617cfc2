"""Cells hidden from a fit, and what the fit predicts for them."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from emergelaw.axes import axis_of
from emergelaw.curves import curve
from emergelaw.fits import Fit
from emergelaw.laws.trajectory import PARAMS, accuracy
from emergelaw.likelihoods import likelihood

SHARE = 0.2  # of every curve's measured cells
AT_ONCE = 2000  # cells predicted together: bounds memory


@dataclass(frozen=True)
class Cells:
    """Measured cells of a data set, one element each."""

    model: np.ndarray
    checkpoint: np.ndarray
    task: np.ndarray
    k: np.ndarray
    n: np.ndarray


def hide(ds: xr.Dataset, seed: int, share: float = SHARE) -> tuple[xr.Dataset, Cells]:
    """Return ds without a random share of its measured cells, and those cells; every curve keeps at least one."""
    ds, rng = ds.transpose("model", "checkpoint", "task").copy(deep=True), np.random.default_rng(seed)
    hidden = np.zeros(ds["n_trials"].shape, bool)
    measured = ds["n_trials"].values > 0
    for m, t in zip(*np.nonzero(measured.any(1)), strict=True):
        at = np.flatnonzero(measured[m, :, t])
        wanted = min(len(at) - 1, int(share * len(at) + rng.random()))
        hidden[m, rng.choice(at, wanted, replace=False), t] = True
    model, checkpoint, task = np.nonzero(hidden)
    cells = Cells(model, checkpoint, task, ds["n_correct"].values[hidden], ds["n_trials"].values[hidden])
    for name in ("n_correct", "n_trials"):
        ds[name] = ds[name].where(~hidden, 0)
    return ds, cells


@dataclass(frozen=True)
class Prediction:
    """What the posterior says of each cell: mean, bounds of k/n by level, tail position, log score, dispersion."""

    mean: np.ndarray
    bounds: dict[float, np.ndarray]  # level: (2, cell)
    pit: np.ndarray
    log_score: np.ndarray
    dispersion: np.ndarray


def predict(found: Fit, full: xr.Dataset, cells: Cells, levels: tuple[float, ...] = (0.5, 0.9)) -> Prediction:
    """Predict cells of `full` from a fit of a part of it."""
    x = axis_of(full, found.model.axis)[1][cells.model, cells.checkpoint]
    rows = _rows(found, full, cells)
    rng = np.random.default_rng(0)
    starts = range(0, len(x), AT_ONCE)
    parts = [_predict(found, rows[i : i + AT_ONCE], x[i : i + AT_ONCE], _part(cells, i), levels, rng) for i in starts]
    joined = [np.concatenate(field, axis=-1) for field in zip(*parts, strict=True)]
    mean, pit, log_score, dispersion, *bounds = joined
    return Prediction(mean, dict(zip(levels, bounds, strict=True)), pit, log_score, dispersion)


def _part(cells: Cells, start: int) -> Cells:
    part = slice(start, start + AT_ONCE)
    return Cells(*(getattr(cells, name)[part] for name in Cells.__dataclass_fields__))


def _rows(found: Fit, full: xr.Dataset, cells: Cells) -> np.ndarray:
    """Return the curve of the fit that each cell belongs to."""
    curves = zip(found.draws["model"].values, found.draws["task"].values, strict=True)
    row = {pair: i for i, pair in enumerate(curves)}
    models, tasks = full["model"].values.astype(str), full["task"].values.astype(str)
    return np.array([row[models[m], tasks[t]] for m, t in zip(cells.model, cells.task, strict=True)])


def _predict(
    found: Fit, rows: np.ndarray, x: np.ndarray, cells: Cells, levels: tuple, rng: np.random.Generator
) -> list:
    params = {name: found.draws[name].values[:, rows] for name in PARAMS if name in found.draws}
    untrained = np.isneginf(x)
    p = np.asarray(accuracy(curve(found.model.curve), params, np.where(untrained, 0.0, x), untrained))
    noise = likelihood(found.model.likelihood)
    counts = noise.draw(rng, cells.n, p, params["dispersion"])
    log_prob = np.asarray(noise.log_prob(cells.k.astype(float), cells.n.astype(float), p, params["dispersion"]))
    bounds = [np.quantile(counts / cells.n, [(1 - level) / 2, (1 + level) / 2], axis=0) for level in levels]
    score = logsumexp(log_prob, axis=0) - np.log(len(p))
    phi = np.median(params["dispersion"], axis=0)
    return [p.mean(0), randomised_pit(counts, cells.k, rng), score, phi, *bounds]


def randomised_pit(counts: np.ndarray, k: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where k falls in predicted counts (draw, cell), in [0, 1]: uniform if the prediction is right.

    Counts are discrete: a value the prediction gives probability q is spread at random over an interval of length q.
    """
    below, equal = (counts < k).sum(0), (counts == k).sum(0)
    return (below + rng.random(k.shape) * (equal + 1)) / (len(counts) + 1)


def covered(pit: np.ndarray, level: float) -> float:
    """Return the share of cells inside their central interval of this level."""
    return float(np.mean(np.abs(pit - 0.5) <= level / 2))


def interpolated(ds: xr.Dataset, full: xr.Dataset, cells: Cells, axis: str) -> np.ndarray:
    """Return k/n of each cell by a straight line between its neighbours in the same curve: the trivial prediction."""
    x = np.maximum(axis_of(full, axis)[1], 0.0)  # untrained: left of everything
    n, k = ds["n_trials"].values, ds["n_correct"].values

    def one(m: int, c: int, t: int) -> float:
        seen = np.flatnonzero(n[m, :, t] > 0)
        seen = seen[np.argsort(x[m, seen])]
        return float(np.interp(x[m, c], x[m, seen], k[m, seen, t] / n[m, seen, t]))

    return np.array([one(*place) for place in zip(cells.model, cells.checkpoint, cells.task, strict=True)])
