"""Outcomes of single items, where a source has them: the group /items of the data set's own file.

    outcome            (row, checkpoint) int8   1 right, 0 wrong, -1 not measured; checkpoints as in the data set
    model, task, item  (row)                    a row is one item of one curve

A cell has all of its items or none: where it has them, they add up to its n_correct of n_trials.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import contract
from emergelaw.errors import InputError
from emergelaw.files import group_names, read_netcdf

GROUP = "/items"
ROW = ["model", "task", "item"]


def build(ds: xr.Dataset, records: pd.DataFrame) -> xr.Dataset | None:
    """Return the items (model, task, tokens, step, item, outcome) of the cells of ds; None if there are none."""
    records = records.reindex(columns=[*ROW, *contract.CHECKPOINT_AXES, "outcome"])
    places = records[[*contract.CHECKPOINT_AXES]].astype(float).fillna(-1.0)
    records = records.assign(**places).merge(_checkpoints(ds), on=["model", *contract.CHECKPOINT_AXES])
    records = records[records["task"].isin(ds["task"].values)].drop_duplicates()
    _refuse_conflicts(records)
    if not len(records):
        return None
    rows = records[ROW].drop_duplicates().sort_values(ROW)
    outcome = np.full((len(rows), ds.sizes["checkpoint"]), -1, np.int8)
    at = pd.MultiIndex.from_frame(rows).get_indexer(pd.MultiIndex.from_frame(records[ROW]))
    outcome[at, records["checkpoint"]] = records["outcome"]
    names = {column: ("row", rows[column].to_numpy(object)) for column in ROW}
    return xr.Dataset({"outcome": (("row", "checkpoint"), outcome), **names})


def of_cells(ds: xr.Dataset, cells: pd.DataFrame) -> xr.Dataset | None:
    """Return the items that cells carry in their column `items`, each cell {item: right or not} or None."""
    if "items" not in cells:
        return None
    known = cells[cells["items"].notna()]
    outcomes = {"item": known["items"].map(list), "outcome": known["items"].map(lambda found: [*found.values()])}
    return build(ds, known.assign(**outcomes).explode([*outcomes], ignore_index=True))


def records(ds: xr.Dataset, items: xr.Dataset) -> pd.DataFrame:
    """Return the table that `build` makes the items from."""
    row, checkpoint = np.nonzero(items["outcome"].values >= 0)
    table = pd.DataFrame({column: items[column].values[row] for column in ROW})
    table = table.assign(checkpoint=checkpoint, outcome=items["outcome"].values[row, checkpoint])
    return table.merge(_checkpoints(ds), on=["model", "checkpoint"]).drop(columns="checkpoint")


def follow(parts: Sequence[tuple[xr.Dataset, xr.Dataset | None]], target: xr.Dataset) -> xr.Dataset | None:
    """Return the items of one or several data sets that belong to the data set made of them."""
    known = [records(ds, items) for ds, items in parts if items is not None]
    return build(target, pd.concat(known, ignore_index=True)) if known else None


def _checkpoints(ds: xr.Dataset) -> pd.DataFrame:
    """Return what identifies each checkpoint; -1 for an unknown step or unknown tokens."""
    m, c = np.nonzero(np.any([np.isfinite(ds[axis].values) for axis in contract.CHECKPOINT_AXES], axis=0))
    places = {axis: np.nan_to_num(ds[axis].values[m, c], nan=-1.0) for axis in contract.CHECKPOINT_AXES}
    return pd.DataFrame({"model": ds["model"].values[m], "checkpoint": c, **places})


def _refuse_conflicts(records: pd.DataFrame) -> None:
    twice = records[records.duplicated([*ROW, "checkpoint"])]
    if len(twice):
        raise InputError(
            "expected one outcome per item and checkpoint, got a right and a wrong one for item "
            f"{twice['item'].iloc[0]!r} of task {twice['task'].iloc[0]!r} of model {twice['model'].iloc[0]!r}: "
            "cut one of the data sets with `emergelaw data subset`"
        )


def validate(ds: xr.Dataset, items: xr.Dataset) -> xr.Dataset:
    """Return the items if they belong to ds; else raise with every violation."""
    contract.raise_all(violations(ds, items))
    return items


def violations(ds: xr.Dataset, items: xr.Dataset) -> Iterator[str]:
    """Name every breach, one sentence each with its coordinates."""
    dims = {"outcome": ("row", "checkpoint"), **{column: ("row",) for column in ROW}}
    for name, wanted in dims.items():
        if name not in items.variables or items[name].dims != wanted:
            yield f"expected {name} over ({', '.join(wanted)}) among the items, got another shape: use items.build"
            return
    yield from contract.unprintable("item", items["item"].values)
    outcome = items["outcome"].values
    if not np.isin(outcome, (-1, 0, 1)).all():
        yield f"expected outcomes 1, 0 or -1 of items, got {outcome.max()} at most: use items.build"
    model, task = (pd.Index(ds[d].values).get_indexer(items[d].values) for d in ("model", "task"))
    if (model < 0).any() or (task < 0).any() or outcome.shape[1] != ds.sizes["checkpoint"]:
        yield "expected items of models, checkpoints and tasks of the data set, got others: use items.build"
        return
    counts = {"n_correct": outcome == 1, "n_trials": outcome >= 0}
    sums = {name: np.zeros(ds["n_trials"].shape, int) for name in counts}
    for name, counted in counts.items():
        np.add.at(sums[name].swapaxes(1, 2), (model, task), counted)
    stated = {name: ds[name].values for name in counts}
    wrong = np.any([sums[name] != stated[name] for name in counts], axis=0) & (sums["n_trials"] > 0)
    for m, c, t in np.argwhere(wrong):
        got, said = (" of ".join(str(of[name][m, c, t]) for name in counts) for of in (sums, stated))
        yield (
            f"expected the items of task {ds['task'].values[t]!r} of model {ds['model'].values[m]!r} at checkpoint {c} "
            f"to add up to {said}, got {got}: import the source again"
        )


def present(path: str | Path) -> bool:
    """Say whether a data set file holds outcomes of items."""
    return bool(group_names(path, GROUP))


def open(path: str | Path) -> xr.Dataset:
    """Read the outcomes of items of a data set file."""
    if not present(path):
        raise InputError(
            f"expected outcomes of items in {path}, got a data set of counts alone: import a source that has them"
        )
    return validate(contract.validate(read_netcdf(path)), read_netcdf(path, GROUP))
