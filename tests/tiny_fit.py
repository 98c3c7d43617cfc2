"""A small simulated data set with a known truth, and the one real fit that many tests share."""

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset, modelfile, shipped

TASKS = {"early": (0.25, 8.6, 0.9), "late": (0.25, 10.2, 1.2), "flat": (0.5, 9.0, 1.0)}  # floor, onset, width
MODELS = {"small": 0.6, "large": 0.85}  # ceiling
TOKENS = np.geomspace(1e8, 3e11, 8)
TRIALS = 300


def truth(x, task: str, model: str) -> np.ndarray:
    """Return the accuracy from which the counts were drawn."""
    floor, onset, width = TASKS[task]
    ceiling = floor if task == "flat" else MODELS[model]
    return floor + (ceiling - floor) * 2.0 ** -np.exp(-3.0845 * (np.asarray(x) - onset) / width)


def simulated(seed: int = 0, noise: str = "binomial") -> xr.Dataset:
    """Return 2 models × 3 tasks × 8 checkpoints; noise 'none' rounds the truth (far below binomial)."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in MODELS:
        for task in TASKS:
            p = truth(np.log10(TOKENS), task, model)
            k = rng.binomial(TRIALS, p) if noise == "binomial" else np.rint(TRIALS * p).astype(int)
            rows += [
                {"model": model, "task": task, "tokens": t, "n_correct": c, "n_trials": TRIALS}
                for t, c in zip(TOKENS, k, strict=True)
            ]
    models = pd.DataFrame({"family": "one", "params": [1e8, 1e9]}, index=list(MODELS))
    tasks = pd.DataFrame({"chance": [v[0] for v in TASKS.values()]}, index=list(TASKS))
    return dataset.build(
        pd.DataFrame(rows), models, tasks, {"kind": "simulated", "title": "tiny", "licence": "CC0-1.0"}
    )


def small_model(**changes):
    """Return a model file with few terms, quick to sample; other settings as in models/trajectory.toml."""
    pooling = {"onset": "task + model", "ceiling": "task + size", "width": "task", "dispersion": ""}
    base = modelfile.load(shipped.find_model("trajectory")).model_dump()
    needed = {"floor_sd"} | {
        p for name, line in pooling.items() for p in modelfile.priors_of(name, [t for t in line.split(" + ") if t])
    }
    base |= {"pooling": pooling, "priors": {k: v for k, v in base["priors"].items() if k in needed}}
    own = {"name": "small", "description": "few terms, for tests", **changes}
    return modelfile.parse(modelfile.extended(base, own), "small")
