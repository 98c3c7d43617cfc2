"""Data sets with known truth: curves drawn from the priors of a model, counts from its likelihood.

The law that draws is the law that `fit` conditions on data, so simulation and inference cannot disagree.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset, modelfile, shipped
from emergelaw.axes import quantity
from emergelaw.curves import curve
from emergelaw.design import Design, design
from emergelaw.errors import InputError, did_you_mean
from emergelaw.laws.trajectory import Trajectory, accuracy
from emergelaw.likelihoods import likelihood
from emergelaw.modelfile import ModelFile
from emergelaw.prior import draw, natural_parameters

FLAT_RISE = 0.005  # of a task that is made flat: nothing that counts could show
BATCH = 2**21  # tokens per step


@dataclass(frozen=True)
class Plan:
    """What is measured in a simulated study: models in families, tasks, checkpoints, items."""

    models: int = 6
    tasks: int = 12
    checkpoints: int = 16
    families: int = 2
    trials: int = 500  # items per task
    missing: float = 0.0  # share of cells without a measurement
    flat: float = 0.0  # share of tasks made flat, besides those that the priors make flat
    chance: float = 0.25
    untrained: bool = False  # one more checkpoint at 0 tokens
    params: tuple[float, float] = (7e7, 1.2e10)  # smallest and largest model
    tokens: tuple[float, float] = (BATCH, 143_000 * BATCH)  # first and last trained checkpoint

    def __post_init__(self) -> None:
        least = {"models": 1, "tasks": 1, "checkpoints": 2, "families": 1, "trials": 1}
        most = {"missing": 0.9, "flat": 1.0, "chance": 0.99}
        for name, value in asdict(self).items():
            if name in least and value < least[name]:
                raise InputError(f"expected at least {least[name]} {name}, got {value}: ask for more")
            if name in most and not 0 <= value <= most[name]:
                raise InputError(f"expected {name} between 0 and {most[name]:g}, got {value}: choose a share there")
            if name in ("params", "tokens") and not 0 < value[0] < value[1]:
                raise InputError(f"expected {name} as two rising numbers above 0, got {value}: correct them")


def simulate(
    model: str | Path | ModelFile = "trajectory", *, seed: int = 0, fixed: Mapping[str, Any] | None = None, **plan: Any
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a data set with known truth and that truth, (model, task).

    `fixed` sets hyper-parameters of the model, such as {"onset_mean": 0.5}; the others are drawn from their priors.
    `plan` is what Plan lists: models, tasks, checkpoints, families, trials, missing, flat, chance, untrained …
    A draw in which little emerges is as good as any other.
    """
    known = [field.name for field in fields(Plan)]
    for name in plan:
        if name not in known:
            raise InputError(
                f"expected options among {', '.join(known)}, got {name!r}{did_you_mean(name, known)}: "
                "rename or remove it"
            )
    study = Plan(**plan)
    chosen = _model(model)
    rng = np.random.default_rng(seed)
    empty = _with_holes(_empty(study), study.missing, rng)
    flat = rng.permutation(study.tasks) < round(study.flat * study.tasks)
    options = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(study).items()}
    return _fill(empty, chosen, seed, fixed or {}, flat, f"curves drawn from the priors of {chosen.name}", options)


def simulate_from(
    ds: xr.Dataset,
    model: str | Path | ModelFile = "trajectory",
    *,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a data set with known truth that measures exactly what `ds` does, and that truth."""
    chosen = _model(model)
    told = f"the cells of {dataset.provenance(ds).get('title', 'a data set')!r}, counts drawn from {chosen.name}"
    bare = ds[["n_correct", "n_trials"]].drop_vars([c for c in ds.coords if str(c).startswith("true_")])
    return _fill(bare, chosen, seed, fixed or {}, np.zeros(ds.sizes["task"], bool), told, {})


def _model(model: str | Path | ModelFile) -> ModelFile:
    return model if isinstance(model, ModelFile) else modelfile.load(shipped.find_model(model))


def _fill(
    empty: xr.Dataset, model: ModelFile, seed: int, fixed: Mapping, flat: np.ndarray, title: str, options: Mapping
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw all effects, then all counts, into the measured cells of a data set; `flat` marks tasks to make flat."""
    d = design(empty, model.axis)
    row_model, row_task = np.nonzero((empty["n_trials"] > 0).any("checkpoint").transpose("model", "task").values)
    found = draw(Trajectory(model, d), seed, 1, fixed)
    params = {name: values[0] for name, values in natural_parameters(found, d).items()}
    params["ceiling"] = np.where(flat[row_task], params["floor"] + FLAT_RISE, params["ceiling"])
    counts = _counts(d, model, params, np.random.default_rng([seed, 1]))
    k = np.zeros([empty.sizes[dim] for dim in dataset.DIMS], np.int64)
    k[row_model[:, None], d.column, row_task[:, None]] = counts
    truth = _truth(
        empty, params | {"flat": params["ceiling"] - params["floor"] < model.flat_below}, row_model, row_task
    )
    hyper = {name: float(f"{v[0]:.6g}") for name, v in found.items() if v.ndim == 1}
    told = {
        "kind": "simulated",
        "title": title,
        "licence": "Apache-2.0",
        "seed": seed,
        "options": options,
        "model": model.name,
        "model_sha256": hashlib.sha256(model.model_dump_json().encode()).hexdigest(),
        "fixed": {name: np.asarray(v, float).tolist() for name, v in fixed.items()},
        "hyper_parameters": hyper,
    }
    ds = empty.assign(n_correct=(dataset.DIMS, k)).assign_coords(
        {f"true_{name}": truth[name].variable for name in truth}
    )
    return dataset.validate(dataset.with_provenance(ds, told)), truth


def _counts(d: Design, model: ModelFile, params: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    wide = {name: values[:, None] for name, values in params.items()}
    p = np.asarray(accuracy(curve(model.curve), wide, d.x, d.untrained))
    drawn = likelihood(model.likelihood).draw(rng, d.n.astype(int), p, wide.get("dispersion"))
    return np.where(d.measured, drawn, 0)


def _truth(ds: xr.Dataset, params: Mapping[str, np.ndarray], row_model: np.ndarray, row_task: np.ndarray) -> xr.Dataset:
    """Return natural parameters (model, task), NaN where nothing was measured; onset and width in x of the axis."""

    def spread(values: np.ndarray) -> np.ndarray:
        wide = np.full((ds.sizes["model"], ds.sizes["task"]), np.nan)
        wide[row_model, row_task] = values
        return wide

    coords = {dim: ds[dim].values for dim in ("model", "task")}
    return xr.Dataset({name: (("model", "task"), spread(values)) for name, values in params.items()}, coords)


def _empty(plan: Plan) -> xr.Dataset:
    """Return the data set of a study with all counts zero."""
    tokens = schedule(*plan.tokens, plan.checkpoints)
    tokens = np.r_[0.0, tokens] if plan.untrained else tokens
    models = _models(plan)
    tasks = pd.DataFrame({"chance": plan.chance}, [f"task-{i + 1:0{len(str(plan.tasks))}d}" for i in range(plan.tasks)])
    grid = pd.DataFrame({"tokens": tokens, "step": tokens / BATCH})
    cells = (
        pd.DataFrame({"model": models.index})
        .merge(grid, how="cross")
        .merge(pd.DataFrame({"task": tasks.index}), how="cross")
    )
    cells = cells.assign(n_correct=0, n_trials=plan.trials)
    return dataset.build(cells, models, tasks, {"kind": "simulated"})


def _models(plan: Plan) -> pd.DataFrame:
    """Return models dealt out to families in turn, each family over the same sizes."""
    each = -(-plan.models // plan.families)
    sizes = np.geomspace(*plan.params, each) if each > 1 else [np.sqrt(np.prod(plan.params))]
    rows = [(f"F{i % plan.families + 1}", float(f"{sizes[i // plan.families]:.2g}")) for i in range(plan.models)]
    table = pd.DataFrame(rows, columns=["family", "params"])
    return table.set_index(table["family"] + "-" + table["params"].map(quantity))


def schedule(first: float, last: float, count: int) -> np.ndarray:
    """Return tokens of checkpoints: evenly spaced in logarithm, then, from about the middle on, evenly spaced."""
    even = count // 2
    steps = np.rint(
        np.r_[np.geomspace(first, last / even, count - even + 1)[:-1], last * np.arange(1, even + 1) / even] / BATCH
    )
    if steps[0] < 1 or (np.diff(steps) <= 0).any():
        raise InputError(
            f"expected room for {count} checkpoints between {quantity(first)} and {quantity(last)} tokens, got steps "
            f"of {quantity(BATCH)} tokens that repeat: ask for fewer checkpoints or a wider range"
        )
    return steps * BATCH


def _with_holes(ds: xr.Dataset, share: float, rng: np.random.Generator) -> xr.Dataset:
    """Return ds with a share of its cells not measured, the first checkpoint of every curve kept."""
    hole = rng.random(ds["n_trials"].shape) < share
    hole[:, 0] = False
    return ds.assign(n_trials=ds["n_trials"].where(~hole, 0))
