"""Random data sets: ragged grids, gaps, awkward names, every optional part now and then."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset, vectors

NAMES = st.text("abcXYZ09/-_.: é(µ", min_size=1, max_size=8)
TEXTS = st.sampled_from(["", "a", "b/c", "größer"])
PUBLISHED = {"kind": "published", "title": "made up", "sources": ["nowhere"]}


@st.composite
def data_sets(draw) -> xr.Dataset:
    """Draw a valid data set through dataset.build."""
    models, tasks = (draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)) for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    by_step, metric = draw(st.booleans()), draw(st.booleans())
    rows = [row for model in models for row in _cells(model, tasks, rng)]
    cells = pd.DataFrame(rows)
    cells["item_set"] = [f"s{hash_of(m, t)}" for m, t in zip(cells["model"], cells["task"], strict=True)]
    if by_step:
        cells = cells.rename(columns={"tokens": "step"})
    if metric:
        cells["metric_log_prob"] = np.where(rng.random(len(cells)) < 0.3, np.nan, rng.normal(size=len(cells)))
    texts = {"family": draw(TEXTS), "corpus": draw(TEXTS), "design_note": draw(TEXTS)}
    sizes = {"params": rng.integers(1, 1e12, len(models)), "design_lr": rng.random(len(models))}
    model_table = pd.DataFrame({**texts, **sizes}, models)
    chance = rng.random(len(tasks)) * 0.9
    task_table = pd.DataFrame({"chance": chance, "kind": "elemental", "category": draw(TEXTS)}, tasks)
    return dataset.build(cells, model_table, task_table, PUBLISHED)


def hash_of(model: str, task: str) -> int:
    return (len(model) + 3 * len(task)) % 5


def _cells(model: str, tasks: list[str], rng: np.random.Generator) -> list[dict]:
    tokens = np.sort(rng.choice(2**40, rng.integers(1, 6), replace=False)) * float(rng.choice([1, 4096]))
    every = [(c, t) for c in range(len(tokens)) for t in tasks]
    kept = [cell for cell in every if rng.random() < 0.7] or every[:1]
    rows = []
    for c, task in kept:
        n = int(rng.integers(1, 2000))
        rows.append(
            {
                "model": model,
                "task": task,
                "tokens": tokens[c],
                "checkpoint_name": f"step{c}",
                "n_correct": int(rng.integers(0, n + 1)),
                "n_trials": n,
            }
        )
    return rows


def grid(k, n=100, tokens=None, models=None, tasks=None, kind="measured") -> xr.Dataset:
    """Return a data set of counts k (model, checkpoint, task), all of n (a number, or one per cell)."""
    k = np.asarray(k)
    n = np.broadcast_to(n, k.shape)
    models = models or [f"m{i}" for i in range(k.shape[0])]
    tasks = tasks or [f"t{i}" for i in range(k.shape[2])]
    tokens = np.arange(1, k.shape[1] + 1) * 1e9 if tokens is None else np.asarray(tokens, float)
    rows = [
        {
            "model": models[m],
            "task": tasks[t],
            "tokens": tokens[c],
            "step": tokens[c] / 1e6,
            "n_correct": k[m, c, t],
            "n_trials": n[m, c, t],
        }
        for m, c, t in np.argwhere(n > 0)
    ]
    empty = pd.DataFrame(index=models), pd.DataFrame(index=tasks)
    return dataset.build(pd.DataFrame(rows), *empty, {"kind": kind, "title": "grid"})


def some_vectors(ds: xr.Dataset, seed: int = 0) -> vectors.Vectors:
    """Return function vectors of two forms for every model, each model of its own width, at all its checkpoints."""
    rng = np.random.default_rng(seed)
    return {str(model): _vectors(ds, str(model), rng, width=3 + i) for i, model in enumerate(ds["model"].values)}


def _vectors(ds: xr.Dataset, model: str, rng: np.random.Generator, width: int) -> xr.Dataset:
    checkpoints = np.flatnonzero(np.isfinite([ds[c].sel(model=model).values for c in ("tokens", "step")]).any(0))
    shape = len(checkpoints), ds.sizes["task"]
    made = xr.Dataset(
        {
            "hidden": (("fv_checkpoint", "task", "width_hidden"), rng.normal(size=(*shape, width)).astype(np.float32)),
            "heads": (("fv_checkpoint", "task", "width_heads"), rng.normal(size=(*shape, 2 * width))),
            "layer_hidden": ("fv_checkpoint", np.arange(len(checkpoints))),
        },
        {"fv_checkpoint": checkpoints, "task": ds["task"].values},
    )
    return vectors.with_grams(made)
