"""The one contract for data: counts per (model, checkpoint, task) in one xarray Dataset, one netCDF-4 file.

    n_correct, n_trials   (model, checkpoint, task) int64; n_trials = 0 means not measured
    step, tokens          (model, checkpoint)       grids differ between models; NaN pads the short ones
    flops, loss           (model, checkpoint)       optional
    family, params …      (model)                   MODEL_COORDS, plus free design variables named design_*
    chance, category …    (task)                    TASK_COORDS
    item_set              (model, task)             equal names may hide different items: never pool over that

Function vectors live beside it in groups of the same file, see `vectors.py`.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw.errors import InputError

CONTRACT = 1  # raised when a reader of the former contract would misread a file
DIMS = ("model", "checkpoint", "task")
MODEL_COORDS = {"family": "", "params": np.nan, "params_total": np.nan, "seed": np.nan, "corpus": ""}
TASK_COORDS = {"chance": 0.0, "category": "", "kind": "", "components": "", "n_shots": np.nan}
CHECKPOINT_COORDS = ("step", "tokens", "flops", "loss")
KINDS = ("measured", "published", "simulated")


def build(cells: pd.DataFrame, models: pd.DataFrame, tasks: pd.DataFrame, provenance: Mapping[str, Any]) -> xr.Dataset:
    """Build a valid data set from three tables.

    cells:  model, task, n_correct, n_trials, and step and/or tokens; optional checkpoint_name, flops, loss, item_set,
            and metric_* columns for continuous metrics (mean log-probability of the target …)
    models: indexed by model name, columns of MODEL_COORDS (all optional) and design_*
    tasks:  indexed by task name, columns of TASK_COORDS (all optional)
    """
    if not len(cells):
        raise InputError("expected at least one measured cell, got none: check the filters and the source")
    cells = _with_checkpoint_index(cells)
    names = sorted(cells["model"].unique()), range(int(cells["checkpoint"].max()) + 1), sorted(cells["task"].unique())
    shape = tuple(map(len, names))
    at = (pd.Index(names[0]).get_indexer(cells["model"]), cells["checkpoint"].to_numpy(),
          pd.Index(names[2]).get_indexer(cells["task"]))
    _refuse_duplicates(cells, at, shape)

    def dense(column: str, empty: Any, dtype: Any) -> np.ndarray:
        out = np.full(shape, empty, dtype)
        out[at] = cells[column].to_numpy()
        return out

    ds = xr.Dataset(
        {"n_correct": (DIMS, dense("n_correct", 0, np.int64)), "n_trials": (DIMS, dense("n_trials", 0, np.int64))},
        coords={"model": list(names[0]), "task": list(names[2])},
    )
    for column in sorted(c for c in cells if c.startswith("metric_")):
        ds[column.removeprefix("metric_")] = DIMS, dense(column, np.nan, float)
    for column in CHECKPOINT_COORDS:
        grid = np.full(shape[:2], np.nan)
        if column in cells:
            grid[at[:2]] = cells[column].to_numpy(float)
        if column in ("step", "tokens") or np.isfinite(grid).any():
            ds = ds.assign_coords({column: (DIMS[:2], grid)})
    checkpoint_name = np.full(shape[:2], "", object)
    if "checkpoint_name" in cells:
        checkpoint_name[at[:2]] = cells["checkpoint_name"].fillna("").astype(str).to_numpy(object)
    item_set = np.full((shape[0], shape[2]), "", object)
    if "item_set" in cells:
        item_set[at[0], at[2]] = cells["item_set"].fillna("").astype(str).to_numpy(object)
    ds = ds.assign_coords(checkpoint_name=(DIMS[:2], checkpoint_name.astype(str)),
                          item_set=(("model", "task"), item_set.astype(str)))
    ds = ds.assign_coords(_labels(models, "model", names[0], MODEL_COORDS))
    ds = ds.assign_coords(_labels(tasks, "task", names[2], TASK_COORDS))
    return validate(with_provenance(ds, provenance))


def _with_checkpoint_index(cells: pd.DataFrame) -> pd.DataFrame:
    """Number the checkpoints of each model by tokens, then step."""
    keys = [c for c in ("tokens", "step") if c in cells]
    if not keys:
        raise InputError("expected a step or a tokens column for every cell, got neither: name one of them")
    cells = cells.reset_index(drop=True)
    filled = cells[keys].astype(float).fillna(-1.0)
    rank = pd.Series(list(map(tuple, filled.to_numpy())), index=cells.index)
    index = rank.groupby(cells["model"]).transform(lambda s: s.map({key: i for i, key in enumerate(sorted(set(s)))}))
    return cells.assign(checkpoint=index.astype(int))


def _refuse_duplicates(cells: pd.DataFrame, at: tuple, shape: tuple) -> None:
    flat = np.ravel_multi_index(at, shape)
    if len(np.unique(flat)) == len(flat):
        return
    twice = cells.iloc[np.flatnonzero(pd.Series(flat).duplicated())[0]]
    raise InputError(f"expected one count per (model, checkpoint, task), got two for task {twice['task']!r} of model "
                     f"{twice['model']!r} at step {twice.get('step')}, tokens {twice.get('tokens')}: remove one")


def _labels(table: pd.DataFrame, dim: str, names: Any, known: Mapping[str, Any]) -> dict[str, tuple[str, np.ndarray]]:
    """Return the coordinates of one dimension, with defaults for what the table does not say."""
    table = table.reindex(list(names))
    columns = list(known) + sorted(c for c in table if c.startswith("design_"))
    out = {}
    for column in columns:
        default = known.get(column, "" if column in table and table[column].dtype == object else np.nan)
        values = table[column] if column in table else pd.Series(default, index=table.index)
        text = isinstance(default, str)
        out[column] = dim, values.fillna(default).astype(str if text else float).to_numpy(str if text else float)
    return out


def with_provenance(ds: xr.Dataset, provenance: Mapping[str, Any]) -> xr.Dataset:
    """Return ds carrying this provenance: kind (one of KINDS), title, and whatever else is known, as one JSON attribute."""
    return ds.assign_attrs(emergelaw=json.dumps({"contract": CONTRACT, **provenance}, sort_keys=True))


def provenance(ds: xr.Dataset) -> dict[str, Any]:
    """Return what the data set says of its origin."""
    return json.loads(ds.attrs["emergelaw"])


def violations(ds: xr.Dataset) -> list[str]:
    """Name every breach of the contract, one sentence each with its coordinates."""
    missing = [v for v in ("n_correct", "n_trials") if v not in ds or ds[v].dims != DIMS]
    missing += [c for c in ("step", "tokens") if c not in ds.coords or ds[c].dims != DIMS[:2]]
    if missing:
        return [f"expected {', '.join(missing)} over {DIMS} (step and tokens over {DIMS[:2]}), got "
                f"{sorted(map(str, ds.variables))}: build the data set with emergelaw.dataset.build"]
    found = _label_violations(ds) + _count_violations(ds) + _grid_violations(ds)
    try:
        kind = provenance(ds).get("kind")
    except (KeyError, ValueError, AttributeError):
        return found + ["expected a JSON attribute 'emergelaw' with the provenance, got none: rebuild the file"]
    if kind not in KINDS:
        found.append(f"expected provenance kind to be one of {', '.join(KINDS)}, got {kind!r}: state the origin")
    return found


def _label_violations(ds: xr.Dataset) -> list[str]:
    found = []
    for dim in ("model", "task"):
        names = list(ds[dim].values)
        found += [f"expected {dim} names to be unique, got {n!r} more than once: rename one"
                  for n in sorted({n for n in names if names.count(n) > 1})]
    if "chance" in ds.coords:
        bad = ds["chance"].where(~((ds["chance"] >= 0) & (ds["chance"] < 1)), drop=True)
        found += [f"expected chance in [0, 1), got {float(v):g} for task {str(t)!r}: correct the task table"
                  for t, v in zip(bad["task"].values, bad.values, strict=True)]
    return found


def _count_violations(ds: xr.Dataset) -> list[str]:
    found = []
    for name in ("n_correct", "n_trials"):
        if not np.issubdtype(ds[name].dtype, np.integer):
            return [f"expected {name} to be integers, got {ds[name].dtype}: counts, not accuracies"]
    k, n = ds["n_correct"].values, ds["n_trials"].values
    for where, rule in ((n < 0, "n_trials ≥ 0"), (k < 0, "n_correct ≥ 0"), ((k > n) & (n >= 0), "n_correct ≤ n_trials")):
        for m, c, t in np.argwhere(where):
            found.append(f"expected {rule}, got {k[m, c, t]} of {n[m, c, t]} at model {str(ds['model'].values[m])!r}, "
                         f"checkpoint {c}, task {str(ds['task'].values[t])!r}: correct the source")
    return found


def _grid_violations(ds: xr.Dataset) -> list[str]:
    found = []
    measured = (ds["n_trials"] > 0).any("task").values
    for i, model in enumerate(map(str, ds["model"].values)):
        axes = {c: ds[c].values[i] for c in ("tokens", "step")}
        if not any(np.isfinite(v[measured[i]]).all() for v in axes.values()):
            found.append(f"expected every measured checkpoint of model {model!r} to have tokens or step, got a gap: fill it")
        for name, values in axes.items():
            finite = values[np.isfinite(values)]
            if (finite < 0).any():
                found.append(f"expected {name} ≥ 0, got {finite.min():g} for model {model!r}: correct the source")
            if len(finite) > 1 and (np.diff(finite) <= 0).any():
                found.append(f"expected {name} to rise from checkpoint to checkpoint, got {finite[np.argmin(np.diff(finite))]:g} "
                             f"followed by no larger value for model {model!r}: sort or merge them")
    return found


def validate(ds: xr.Dataset) -> xr.Dataset:
    """Return ds itself if it keeps the contract; else raise with every violation."""
    found = violations(ds)
    if found:
        more = f" (and {len(found) - 20} more)" if len(found) > 20 else ""
        raise InputError("\n".join(found[:20]) + more)
    return ds


def save(ds: xr.Dataset, path: str | Path) -> Path:
    """Write ds atomically; the same data set gives the same bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        squeezed = {v: {"zlib": True, "complevel": 4} for v in ds.data_vars}
        validate(ds).to_netcdf(part, engine="h5netcdf", encoding=squeezed)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def open(path: str | Path) -> xr.Dataset:  # noqa: A001 — read as emergelaw.open
    """Read a data set into memory and check it."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"expected a data set at {path}, found no file: make one with `emergelaw import` or `emergelaw collect`")
    try:
        ds = xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise InputError(f"expected a netCDF-4 file at {path}, could not read it ({type(error).__name__}): "
                         "it is truncated or of another format, so fetch or build it again") from error
    _refuse_newer(ds, path)
    return validate(ds)


def _refuse_newer(ds: xr.Dataset, path: Path) -> None:
    try:
        version = int(provenance(ds).get("contract", 0))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"expected an emergelaw data set at {path}, got a netCDF file without its provenance attribute: "
                         "import it first with `emergelaw import`") from error
    if version > CONTRACT:
        raise InputError(f"expected data contract {CONTRACT} or older in {path}, got {version}: upgrade emergelaw")
