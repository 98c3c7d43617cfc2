"""A stand-in for a fit of two models and some logistic curves: onsets known, no uncertainty but a jitter."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import axes, dataset

ONSETS = {"early": 8.5, "middle": 10.0, "late": 13.0, "flat": 10.0}
LAST = {"short": 11.0, "long": 12.0}


def fit(jitter=0.0, samples=40, onsets=ONSETS, tasks=None):
    """Return what the contract promises of a fit; the task named flat rises nowhere; tasks is the task table."""
    curves = pd.MultiIndex.from_product([LAST, onsets], names=["model", "task"]).to_frame(index=False)
    noise = jitter * np.random.default_rng(0).normal(size=(samples, len(curves)))
    onset = curves["task"].map(onsets).to_numpy() + noise
    ceiling = np.where(curves["task"] == "flat", 0.2, 1.0)
    draws = xr.Dataset(
        {
            "floor": ("curve", np.full(len(curves), 0.2)),
            "ceiling": ("curve", ceiling),
            "onset": (("sample", "curve"), onset),
        },
        coords={c: ("curve", curves[c].to_numpy(str)) for c in curves},
    )

    def evaluate(x, rows=slice(None)):
        return _sigmoid(np.asarray(x), onset[:, rows, None], ceiling[rows, None])

    data = _data(curves.assign(onset=curves["task"].map(onsets), ceiling=ceiling), tasks)
    return SimpleNamespace(data=data, axis=axes.named("tokens"), draws=draws, curves=evaluate)


def _sigmoid(x, onset, ceiling):
    return 0.2 + (ceiling - 0.2) / (1 + 81.0 ** -(x - onset))


def _data(curves, tasks):
    cells = curves.merge(
        pd.concat([pd.DataFrame({"model": m, "tokens": [0.0, *np.logspace(9, last, 9)]}) for m, last in LAST.items()])
    )
    p = _sigmoid(np.log10(cells["tokens"].clip(lower=1)), cells["onset"], cells["ceiling"])
    cells = cells.assign(step=cells["tokens"] / 1e6, n_trials=100, n_correct=(100 * p).round().astype(int))
    cells = cells.drop(columns=["onset", "ceiling"])
    models = pd.DataFrame({"params": [1e8, 1e9]}, index=list(LAST))
    tasks = pd.DataFrame(index=curves["task"].unique()) if tasks is None else tasks
    return dataset.build(cells, models, tasks, {"kind": "simulated", "title": "known onsets"})
