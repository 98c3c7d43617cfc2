"""Data sets from data sets: merge several, cut one down, write one as a long table; function vectors follow."""

import fnmatch
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset
from emergelaw.contract import CHECKPOINT_AXES, KINDS, without_tokens
from emergelaw.errors import InputError
from emergelaw.files import atomic
from emergelaw.vectors import Vectors

CELL = ["model", "task", *CHECKPOINT_AXES]
CSV_NAMES = {"n_correct": "k", "n_trials": "n", "params": "params_nonemb"}  # as others name them
CSV_FIRST = ["model", "family", "params_nonemb", "step", "tokens", "task", "n", "k", "chance"]


def merge(datasets: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return one data set of all; cells measured alike in several count once, cells that differ are an error."""
    cells, models, tasks = zip(*map(dataset.tables, datasets), strict=True)
    sources = [dataset.provenance(ds) for ds in datasets]
    return dataset.build(
        _merge_cells(list(cells)), _merge_labels(list(models)), _merge_labels(list(tasks)), _merge_provenance(sources)
    )


def _merge_cells(parts: list[pd.DataFrame]) -> pd.DataFrame:
    cells = pd.concat(parts, ignore_index=True)
    counts = ["n_correct", "n_trials"]
    cells[counts] = cells[counts].astype("Int64").mask(cells["n_trials"] == 0)  # not measured here, perhaps there
    texts = ["item_set", "checkpoint_name"]
    cells[texts] = cells[texts].replace("", None)
    said = cells.groupby(CELL, dropna=False).transform("nunique")
    for column in said.columns[(said > 1).any()]:
        _refuse_conflict(cells, column, cells[said[column] > 1].iloc[0])
    merged = cells.groupby(CELL, dropna=False, sort=False).first().reset_index()
    return merged.fillna(dict.fromkeys(counts, 0))


def _refuse_conflict(cells: pd.DataFrame, column: str, first: pd.Series) -> None:
    same = cells[(cells[CELL].eq(first[CELL]) | cells[CELL].isna() & first[CELL].isna()).all(axis=1)]
    counted = column in ("n_correct", "n_trials")
    got = [f"{r.n_correct} of {r.n_trials}" for r in same.itertuples()] if counted else same[column].astype(str)
    raise InputError(
        f"expected equal {'counts' if counted else column} where the data sets overlap, got "
        f"{' and '.join(got)} for task {first['task']!r} of model {first['model']!r} at tokens "
        f"{first['tokens']:g}, step {first['step']:g}: cut one with `emergelaw data subset`"
    )


def _merge_labels(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of labels; what some leave open others may fill in, what two say must agree."""
    labels = pd.concat([part.mask(part == "") for part in parts])
    labels.index.name = parts[0].index.name
    said = labels.groupby(level=0).nunique()
    for column in said:
        for name in said.index[said[column] > 1]:
            values = ", ".join(map(repr, labels.loc[name, column].dropna().unique().tolist()))
            raise InputError(
                f"expected one {column} for {labels.index.name} {name!r}, got {values}: correct one of the data sets"
            )
    return labels.groupby(level=0).first()


def _merge_provenance(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Simulated data makes the whole simulated, measured data among published ones stays published."""
    kinds = {s["kind"] for s in sources}
    weakest = next(k for k in reversed(KINDS) if k in kinds)
    return {
        "kind": weakest,
        "title": " + ".join(dict.fromkeys(str(s.get("title", "untitled")) for s in sources)),
        "merged": sources,
    }


def subset(ds: xr.Dataset, models: str = "*", tasks: str = "*", max_tokens: float | None = None) -> xr.Dataset:
    """Return the data set cut to some models, tasks (globs, several with commas) and training up to max_tokens."""
    ds = ds.sel(model=_matching(ds, "model", models), task=_matching(ds, "task", tasks))
    limit = np.inf if max_tokens is None else _checked_limit(ds, max_tokens)
    early = ds["tokens"].values <= limit if max_tokens is not None else np.ones(ds["tokens"].shape, bool)
    measured = (ds["n_trials"].values > 0) & early[..., None]
    if not measured.any():
        first = np.nanmin(ds["tokens"].values, initial=np.inf)
        raise InputError(
            f"expected measured counts of models {models!r} on tasks {tasks!r} up to {limit:g} tokens, "
            f"got none (the first are at {first:g}): choose more"
        )
    cells, model_table, task_table = dataset.tables(ds.isel(model=measured.any((1, 2)), task=measured.any((0, 1))))
    if max_tokens is not None:
        cells = cells[cells["tokens"] <= limit]
    was = dataset.provenance(ds)
    cut = {"models": models, "tasks": tasks, "max_tokens": max_tokens}
    return dataset.build(cells, model_table, task_table, {**was, "subset": [*was.get("subset", []), cut]})


def _checked_limit(ds: xr.Dataset, max_tokens: float) -> float:
    unplaced = ds["model"].values[without_tokens(ds).any(1)]
    if len(unplaced):
        raise InputError(
            f"expected tokens for every model to cut them at --max-tokens, got steps alone for model "
            f"{unplaced[0]!r}: leave it out with --models, or import it again with its tokens"
        )
    return max_tokens


def _matching(ds: xr.Dataset, dim: str, globs: str) -> list[str]:
    names = list(ds[dim].values)
    patterns = [g.strip() for g in globs.split(",")]
    for pattern in patterns:
        if not any(_matches(n, pattern) for n in names):
            near = get_close_matches(pattern, names, n=3, cutoff=0.0)
            raise InputError(
                f"expected a {dim} that matches {pattern!r}, got none among {len(names)}: the nearest "
                f"names are {', '.join(map(repr, near))}"
            )
    return [n for n in names if any(_matches(n, p) for p in patterns)]


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)  # names may hold brackets


def follow(vectors: Mapping[str, xr.Dataset], source: xr.Dataset, target: xr.Dataset) -> Vectors:
    """Return the vectors of `source` that belong to `target`: its models, tasks and checkpoints, in its numbering."""
    kept = {}
    for model in sorted(set(vectors) & set(target["model"].values)):
        group = vectors[model]
        number = {place: c for c, place in enumerate(_places(target, model))}
        index = [number.get(_places(source, model)[c]) for c in group["fv_checkpoint"].values]
        stay = [i for i, c in enumerate(index) if c is not None]
        if stay:
            tasks = [t for t in group["task"].values if t in target["task"].values]
            group = group.isel(fv_checkpoint=stay).sel({d: tasks for d in ("task", "other") if d in group.dims})
            kept[model] = group.assign_coords(fv_checkpoint=[index[i] for i in stay])
    return kept


def merge_vectors(parts: Sequence[tuple[xr.Dataset, Mapping[str, xr.Dataset]]], target: xr.Dataset) -> Vectors:
    """Return the vectors of several data sets for their merger; a model's vectors must all come from one of them."""
    merged: Vectors = {}
    for ds, vectors in parts:
        for model, group in follow(vectors, ds, target).items():
            if model in merged and not group.identical(merged[model]):
                raise InputError(
                    f"expected the function vectors of model {model!r} in one of the data sets, got "
                    "different ones in two: drop the model from one with `emergelaw data subset`"
                )
            merged[model] = group
    return merged


def _places(ds: xr.Dataset, model: str) -> list[tuple[float, ...]]:
    """Return what identifies each checkpoint of a model, comparable also where tokens or steps are unknown."""
    axes = [ds[c].sel(model=model).values for c in CHECKPOINT_AXES]
    return [tuple(-1.0 if np.isnan(v) else float(v) for v in place) for place in zip(*axes, strict=True)]


def export_csv(ds: xr.Dataset, path: str | Path) -> Path:
    """Write one row per measured cell, in the columns that `emergelaw import table` reads without a mapping."""
    cells, models, tasks = dataset.tables(ds)
    rows = cells[cells["n_trials"] > 0].join(models, on="model").join(tasks, on="task").rename(columns=CSV_NAMES)
    rows = rows[[*CSV_FIRST, *(c for c in rows if c not in CSV_FIRST)]]
    unknown = [c for c in rows if c not in CSV_FIRST and (rows[c].isna() | rows[c].isin([""])).all()]
    with atomic(path) as part:
        rows.drop(columns=unknown).convert_dtypes().to_csv(part, index=False)  # whole numbers without ".0"
    return Path(path)
