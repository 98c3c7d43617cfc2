"""A stand-in for a finished fit: simulated counts on known Gompertz curves, posterior draws = truth + jitter."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset
from emergelaw.axes import Axis, named

LN2 = np.log(2)


def gompertz(x, floor, ceiling, onset, width):
    rise = np.exp(-LN2 * np.exp(-3.0845 * (x - onset) / width))
    return floor + (ceiling - floor) * rise


@dataclass
class FakeFit:
    data: xr.Dataset
    draws: xr.Dataset
    states: pd.DataFrame
    result: dict
    priors: list
    posterior: xr.DataTree
    axis: Axis = field(default_factory=lambda: named("tokens"))

    def curves(self, x):
        p = [self.draws[v].values[..., None] for v in ("floor", "ceiling", "onset", "width")]
        return gompertz(np.asarray(x), *p)

    def typical(self, x, task):
        mean = self.draws.isel(curve=np.flatnonzero(self.draws["task"].values == task)).mean("curve")
        return gompertz(np.asarray(x), *(mean[v].values[:, None] for v in ("floor", "ceiling", "onset", "width")))

    def family_curves(self, x, task, family):
        here = (self.draws["task"].values == task) & (self.draws["family"].values == family)
        mean = self.draws.isel(curve=np.flatnonzero(here)).mean("curve")
        shift = np.random.default_rng(3).normal(0, 0.2, (mean.sizes["sample"], 1))
        p = [mean[v].values[:, None] for v in ("floor", "ceiling", "onset", "width")]
        x = np.asarray(x)
        return {"typical": gompertz(x, *p), "new_member": gompertz(x, p[0], p[1], p[2] + shift, p[3])}

    def predictive(self, level=0.9):
        return self._predictive

    @cached_property
    def _predictive(self):
        k, n, x = _per_curve(self)
        p = np.stack(
            [
                gompertz(
                    x, *(self.draws[v].median("sample").values[:, None] for v in ("floor", "ceiling", "onset", "width"))
                )
            ]
        ).squeeze(0)
        half = 1.645 * np.sqrt(p * (1 - p) / np.maximum(n, 1)) + 0.01
        dims = ("curve", "checkpoint")
        return xr.Dataset(
            {
                "low": (dims, p - half),
                "high": (dims, p + half),
                "mean": (dims, p),
                "x": (dims, x),
                "observed": (dims, k / np.maximum(n, 1)),
                "n": (dims, n),
            }
        )


def _per_curve(fit):
    model, task = fit.draws["model"].values, fit.draws["task"].values
    one = [fit.data.sel(model=m, task=t) for m, t in zip(model, task, strict=True)]
    k, n = (np.stack([d[v].values for d in one]) for v in ("n_correct", "n_trials"))
    return k, n, np.log10(np.stack([d["tokens"].values for d in one]))


def fake_fit(n_tasks=4, n_models=3, chains=4, draws=50, kind="simulated", seed=0, **result):
    """Return a fit of n_tasks × n_models curves in two families; the last task of every four never rises."""
    rng = np.random.default_rng(seed)
    truth = _truth(n_tasks, n_models, rng)
    data = _data(truth, kind, rng)
    sampled = _draws(truth, chains * draws, rng)
    last = 11.48
    state = [
        (0.97, 0.02, 0.01) if t.flat else (0.0, 1.0, 0.0) if t.onset > last else (0.0, 0.0, 1.0)
        for t in truth.itertuples()
    ]
    states = pd.DataFrame(state, columns=["p_flat", "p_not_yet", "p_emerged"])
    states.insert(0, "model", truth["model"].to_numpy())
    states.insert(1, "task", truth["task"].to_numpy())
    return FakeFit(data, sampled, states, _result(truth, data, **result), _priors(), _posterior(sampled, chains))


def _truth(n_tasks, n_models, rng):
    rows = []
    for t in range(n_tasks):
        flat, base, ceiling = t % 4 == 3, 8.2 + 2.6 * (t % 7) / 6, rng.uniform(0.5, 0.85)
        for m in range(n_models):
            size = m / max(n_models - 1, 1)
            rows.append(
                {
                    "model": f"model-{m:02d}",
                    "task": f"task_{t:02d}",
                    "size": size,
                    "flat": flat,
                    "floor": 0.25,
                    "ceiling": 0.25 if flat else ceiling + 0.12 * size,
                    "onset": base + rng.normal(0, 0.08),
                    "width": rng.uniform(0.9, 1.6),
                    "family": "even" if m % 2 == 0 else "odd",
                }
            )
    return pd.DataFrame(rows)


def _data(truth, kind, rng):
    tokens = np.geomspace(2e6, 3e11, 20)
    cells = truth.merge(pd.DataFrame({"tokens": tokens, "step": np.arange(20.0)}), how="cross")
    p = gompertz(np.log10(cells["tokens"]), cells["floor"], cells["ceiling"], cells["onset"], cells["width"])
    trials = rng.choice([300, 1000, 3000], len(truth["task"].unique()))
    cells["n_trials"] = trials[cells["task"].str[-2:].astype(int)]
    cells["n_correct"] = rng.binomial(cells["n_trials"], p)
    models = truth.drop_duplicates("model").set_index("model")[["family"]]
    models["params"] = np.geomspace(7e7, 1.2e10, len(models))
    tasks = pd.DataFrame({"chance": 0.25}, index=truth["task"].unique())
    provenance = {
        "kind": kind,
        "title": "curves <drawn> from a known truth",
        "sources": ["a seed & a law"],
        "licence": "CC0-1.0",
        "log": ["kept 20 checkpoints of each model", "dropped <main>: no tokens"],
    }
    return dataset.build(cells, models, tasks, provenance)


def _draws(truth, n, rng):
    out = {}
    for name, sd in (("floor", 0.004), ("ceiling", 0.012), ("onset", 0.05), ("width", 0.08)):
        jitter = sd * np.where(truth["flat"] & (name in ("onset", "width")), 20, 1)
        out[name] = ("sample", "curve"), truth[name].to_numpy() + jitter * rng.normal(size=(n, len(truth)))
    out["width"] = out["width"][0], np.abs(out["width"][1]) + 0.3
    out["dispersion"] = ("sample", "curve"), rng.lognormal(0, 0.1, (n, len(truth)))
    coords = {c: ("curve", truth[c].to_numpy(str)) for c in ("model", "task", "family")}
    return xr.Dataset(out, coords=coords)


def _posterior(draws, chains):
    arrays = {}
    for name in ("onset", "ceiling"):
        values = draws[name].values
        arrays[name] = ("chain", "draw", "curve"), values.reshape(chains, -1, values.shape[1])
    arrays["onset_mean"] = ("chain", "draw"), arrays["onset"][1].mean(-1)
    posterior = xr.Dataset(
        arrays,
        coords={"curve": [f"{m}, {t}" for m, t in zip(draws["model"].values, draws["task"].values, strict=True)]},
    )
    diverging = np.zeros(arrays["onset"][1].shape[:2], bool)
    return xr.DataTree.from_dict(
        {"posterior": posterior, "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), diverging)})}
    )


def _result(truth, data, **changed):
    return {
        "status": "converged",
        "converged": True,
        "status_sentence": "Converged: all chains agree, so read the results.",
        "max_rhat": 1.004,
        "min_ess_bulk": 812.0,
        "divergences": 0,
        "gradients": 123456,
        "seconds": {"load": 1.0, "compile": 5.0, "warmup": 10.0, "sample": 12.0, "total": 28.0},
        "n_curves": len(truth),
        "n_cells": int((data["n_trials"] > 0).sum()),
        "coverage90_in_sample": 0.912,
        "data_sha256": "ab" * 32,
        "model": "trajectory",
        "seed": 1,
        "versions": {"emergelaw": "0.1.0", "jax": "0.10.2"},
        "left_out": ["3 checkpoints of model-01: <no tokens>"],
        "explanations": [{"weight": 1.0, "sentence": "All chains tell the same story.", "chains": [0, 1, 2, 3]}],
        **changed,
    }


def _priors():
    return [
        {
            "name": "onset_sd",
            "prior": "HalfNormal(0.5)",
            "belief": "Tasks differ by about half a decade <or less>.",
            "posterior": {"median": 0.6, "low": 0.4, "high": 0.9},
        },
        {
            "name": "onset_slope",
            "prior": "Normal(0, 0.1)",
            "belief": "Size moves onsets little.",
            "posterior": {"median": -0.03, "low": -0.08, "high": 0.02},
        },
        {
            "name": "floor",
            "prior": "Normal(logit(chance), 0.25)",
            "belief": "Floors lie near chance.",
            "posterior": {"median": -1.1, "low": -1.2, "high": -1.0},
        },
    ]
