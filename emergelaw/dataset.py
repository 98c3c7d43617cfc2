"""The one contract for data: counts per (model, checkpoint, task) in one xarray Dataset, one netCDF-4 file.

    n_correct, n_trials   (model, checkpoint, task) int64; n_trials = 0 means not measured
    step, tokens          (model, checkpoint)       grids differ between models; NaN pads the short ones
    flops, loss           (model, checkpoint)       optional
    family, params …      (model)                   MODEL_COORDS, plus free design variables named design_*
    chance, category …    (task)                    TASK_COORDS
    item_set              (model, task)             equal names may hide different items: never pool over that

Any further data variable is a continuous metric over (model, checkpoint, task). Function vectors and outcomes of single
items live in groups of the same file, see `vectors.py` and `items.py`; `contract.py` says what is checked.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import items as single_items
from emergelaw import vectors as function_vectors
from emergelaw.contract import (
    CHECKPOINT_AXES,
    CHECKPOINT_COORDS,
    CONTRACT,
    DIMS,
    KINDS,
    MODEL_COORDS,
    TASK_COORDS,
    TASK_KINDS,
    provenance,
    raise_all,
    unprintable,
    validate,
    violations,
)
from emergelaw.errors import InputError
from emergelaw.files import canonical, read_netcdf, write_netcdf

__all__ = [
    "CHECKPOINT_COORDS",
    "CONTRACT",
    "DIMS",
    "KINDS",
    "MODEL_COORDS",
    "TASK_COORDS",
    "TASK_KINDS",
    "build",
    "open",
    "provenance",
    "save",
    "tables",
    "validate",
    "violations",
    "with_provenance",
]


def build(cells: pd.DataFrame, models: pd.DataFrame, tasks: pd.DataFrame, provenance: Mapping[str, Any]) -> xr.Dataset:
    """Build a valid data set from three tables.

    cells:  model, task, n_correct, n_trials, and step and/or tokens; optional checkpoint_name, flops, loss, item_set,
            and metric_* columns for continuous metrics (mean log-probability of the target …); for items see items.py
    models: indexed by model name, columns of MODEL_COORDS (all optional) and design_*; other columns are ignored
    tasks:  indexed by task name, columns of TASK_COORDS (all optional); other columns are ignored
    """
    _refuse_unprintable(cells, models, tasks)
    cells = _with_checkpoint_index(_checked(cells))
    names = sorted(cells["model"].unique()), range(int(cells["checkpoint"].max()) + 1), sorted(cells["task"].unique())
    shape = tuple(map(len, names))
    at = (
        pd.Index(names[0]).get_indexer(cells["model"]),
        cells["checkpoint"].to_numpy(),
        pd.Index(names[2]).get_indexer(cells["task"]),
    )
    _refuse_duplicates(cells, at, shape)

    def dense(column: str, dims: tuple[int, ...], empty: Any, dtype: Any) -> np.ndarray:
        out = np.full([shape[d] for d in dims], empty, dtype)
        if column in cells:
            known = cells[column].notna().to_numpy()
            out[tuple(at[d][known] for d in dims)] = cells.loc[known, column].to_numpy(dtype)
        return out

    data = {c: (DIMS, dense(c, (0, 1, 2), 0, np.int64)) for c in ("n_correct", "n_trials")}
    data |= {
        c.removeprefix("metric_"): (DIMS, dense(c, (0, 1, 2), np.nan, float)) for c in cells if c.startswith("metric_")
    }
    coords = {
        c: (DIMS[:2], dense(c, (0, 1), np.nan, float))
        for c in CHECKPOINT_COORDS
        if c in CHECKPOINT_AXES or (c in cells and cells[c].notna().any())
    }
    coords |= {
        "model": np.array(names[0], object),  # numpy's own text would cut a NUL off the end
        "task": np.array(names[2], object),
        "checkpoint_name": (DIMS[:2], dense("checkpoint_name", (0, 1), "", object)),
        "item_set": (("model", "task"), dense("item_set", (0, 2), "", object)),
        **_labels(models, "model", names[0], MODEL_COORDS),
        **_labels(tasks, "task", names[2], TASK_COORDS),
    }
    return validate(with_provenance(canonical(xr.Dataset(data, coords)), provenance))


def _refuse_unprintable(*tables: pd.DataFrame) -> None:
    """Refuse what `validate` would, before grouping: pandas fails in several ways on half characters."""
    for table in tables:
        for name in table:
            if table[name].dtype.kind == "O":
                raise_all(unprintable(str(name), table[name]))
        raise_all(unprintable("names", table.index))


def _checked(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells, if there are any and they have names and whole counts, and one item set per curve."""
    lacking = [c for c in ("model", "task", "n_correct", "n_trials") if c not in cells]
    if lacking or not len(cells):
        got = f"no column {', '.join(lacking)}" if lacking else "none"
        raise InputError(f"expected at least one cell with its counts, got {got}: check the filters and the source")
    unnamed = cells[["model", "task"]].isna().any(axis=1)
    if unnamed.any():
        raise InputError(
            f"expected a model and a task for every cell, got none in row {cells.index[unnamed][0]}: fill them in"
        )
    for column in ("n_correct", "n_trials"):
        values = pd.to_numeric(cells[column], errors="coerce").to_numpy(float, na_value=np.nan)
        broken = ~(np.mod(values, 1) == 0)
        if broken.any():
            row = cells[broken].iloc[0]
            raise InputError(
                f"expected {column} to be a whole number, got {row[column]!r} for task {row['task']!r} of "
                f"model {row['model']!r}: give counts, not accuracies"
            )
    _refuse_varying(cells, "item_set", ["model", "task"])
    return cells.reset_index(drop=True)


def _refuse_varying(cells: pd.DataFrame, column: str, keys: list[str]) -> None:
    if column not in cells:
        return
    values = cells.dropna(subset=[column]).groupby(keys)[column].unique()
    many = values[values.map(len) > 1]
    if len(many):
        shown = [repr(v) if isinstance(v, str) else f"{v:g}" for v in (*many.index[0], *many.iloc[0][:3])]
        where = " of ".join(f"{key} {value}" for key, value in zip(keys[::-1], shown[1::-1], strict=True))
        got = ", ".join(shown[2:])
        raise InputError(
            f"expected one {column} for {where}, got {got}: split the cells into separate tasks or correct them"
        )


def _with_checkpoint_index(cells: pd.DataFrame) -> pd.DataFrame:
    """Number the checkpoints of each model by tokens if all of them have some, else by step."""
    keys = [c for c in CHECKPOINT_AXES if c in cells]
    if not keys:
        raise InputError("expected a step or a tokens column for every cell, got neither: name one of them")
    placed = cells[keys].apply(pd.to_numeric, errors="coerce").fillna(-1.0)
    nowhere = (placed < 0).all(axis=1)
    if nowhere.any():
        row = cells[nowhere].iloc[0]
        raise InputError(
            f"expected tokens or step for every cell, got neither for task {row['task']!r} of model "
            f"{row['model']!r}: fill it in or drop that checkpoint"
        )
    spot = placed.assign(model=cells["model"])
    ranks = spot.drop_duplicates()
    gaps = (ranks[keys] < 0).groupby(ranks["model"]).transform("any")
    whole = ranks[keys].mask(gaps, -1.0).add_prefix("whole_")
    ranks = ranks.join(whole).sort_values(["model", *whole, *keys])
    ranks["checkpoint"] = ranks.groupby("model").cumcount()
    cells = cells.assign(checkpoint=spot.merge(ranks, on=["model", *keys], how="left")["checkpoint"].to_numpy())
    for column in ("flops", "loss", "checkpoint_name"):
        _refuse_varying(cells, column, ["model", "checkpoint"])
    return cells


def _refuse_duplicates(cells: pd.DataFrame, at: tuple, shape: tuple) -> None:
    twice = pd.Series(np.ravel_multi_index(at, shape)).duplicated().to_numpy()
    if twice.any():
        row = cells[twice].iloc[0]
        raise InputError(
            f"expected one count per (model, checkpoint, task), got two for task {row['task']!r} of model "
            f"{row['model']!r} at step {row.get('step')}, tokens {row.get('tokens')}: remove one"
        )


def _labels(table: pd.DataFrame, dim: str, names: list[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coordinates of one dimension, with defaults for what the table does not say."""
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise InputError(f"expected one row per {dim} in the {dim} table, got {twice!r} twice: remove one")
    table = table.reindex(names)
    designs = sorted(c for c in table if c.startswith("design_"))
    return {c: (dim, _label_values(table, dim, c, known.get(c))) for c in [*known, *designs]}


def _label_values(table: pd.DataFrame, dim: str, column: str, default: Any) -> np.ndarray:
    if column not in table:
        return np.full(len(table), default, object if isinstance(default, str) else float)
    values = table[column]
    if default is None:  # a design variable: numbers if they all are, else text
        default = np.nan if pd.api.types.is_numeric_dtype(values) else ""
    if isinstance(default, str):
        return np.array([str(v) if known else default for v, known in zip(values, values.notna(), strict=True)], object)
    numbers = pd.to_numeric(values, errors="coerce")
    for name in values.index[numbers.isna() & values.notna()]:
        raise InputError(
            f"expected {column} of {dim} {name!r} to be a number, got {values[name]!r}: correct the {dim} table"
        )
    return numbers.astype(float).fillna(default).to_numpy(float)


def tables(ds: xr.Dataset) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the three tables that `build` makes the data set from: cells, models, tasks."""
    metrics = [v for v in ds.data_vars if v not in ("n_correct", "n_trials")]
    keep = (ds["n_trials"].values > 0) | np.any([np.isfinite(ds[v].values) for v in metrics], axis=0)
    # a checkpoint without any count stays known through one empty cell: function vectors may have been taken there
    placed = np.any([np.isfinite(ds[c].values) for c in CHECKPOINT_AXES], axis=0)
    keep[..., 0] |= placed & ~keep.any(2)
    m, c, t = np.nonzero(keep)
    columns = {"model": ds["model"].values[m], "task": ds["task"].values[t]}
    columns |= {v: ds[v].values[m, c] for v in ("checkpoint_name", *CHECKPOINT_COORDS) if v in ds.coords}
    if "item_set" in ds.coords:
        columns["item_set"] = ds["item_set"].values[m, t]
    columns |= {v if v in ("n_correct", "n_trials") else f"metric_{v}": ds[v].values[m, c, t] for v in ds.data_vars}
    return pd.DataFrame(columns), _label_table(ds, "model"), _label_table(ds, "task")


def _label_table(ds: xr.Dataset, dim: str) -> pd.DataFrame:
    own = {str(name): c.values for name, c in ds.coords.items() if c.dims == (dim,) and name != dim}
    return pd.DataFrame(own, index=pd.Index(ds[dim].values, name=dim))


def with_provenance(ds: xr.Dataset, provenance: Mapping[str, Any]) -> xr.Dataset:
    """Return ds carrying this provenance as one JSON attribute: kind (one of KINDS), title, whatever else is known."""
    text = json.dumps({**provenance, "contract": CONTRACT}, sort_keys=True, default=_plain, ensure_ascii=False)
    return ds.assign_attrs(emergelaw=text)


def _plain(value: Any) -> Any:
    """Return a numpy number or a path as JSON can hold it."""
    return value.item() if isinstance(value, np.generic) else str(value)


def save(
    ds: xr.Dataset,
    path: str | Path,
    vectors: Mapping[str, xr.Dataset] | None = None,
    items: xr.Dataset | None = None,
) -> Path:
    """Write ds, with function vectors per model and outcomes of items if given, atomically.

    The same content gives the same bytes.
    """
    groups = {"/": validate(ds), **function_vectors.groups(ds, vectors or {})}
    if items is not None:
        groups[single_items.GROUP] = single_items.validate(ds, items)
    return write_netcdf(path, groups)


def open(path: str | Path) -> xr.Dataset:
    """Read the counts of a data set into memory and check them."""
    ds = read_netcdf(path)
    _refuse_newer(ds, Path(path))
    return validate(ds)


def _refuse_newer(ds: xr.Dataset, path: Path) -> None:
    if "emergelaw" not in ds.attrs:
        raise InputError(
            f"expected an emergelaw data set at {path}, got a netCDF file without its provenance: "
            "import it first with `emergelaw import`"
        )
    try:
        version = int(provenance(ds).get("contract", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"expected the provenance of {path} as one JSON object with a contract number, got "
            f"{str(ds.attrs['emergelaw'])[:40]!r}: import its source again"
        ) from error
    if version > CONTRACT:
        raise InputError(f"expected data contract {CONTRACT} or older in {path}, got {version}: upgrade emergelaw")
