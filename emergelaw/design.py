"""From a data set to the arrays a law needs: one row per curve, checkpoints left-aligned."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw.axes import Axis, axis_of
from emergelaw.errors import InputError


@dataclass(frozen=True)
class Design:
    """Curves × checkpoints, and the levels each curve belongs to. `task` indexes items that may be pooled."""

    axis: Axis
    k: np.ndarray  # (curve, checkpoint) correct
    n: np.ndarray  # (curve, checkpoint) trials; 1 where not measured
    x: np.ndarray  # (curve, checkpoint) on the axis; lowest trained x where untrained or not measured
    measured: np.ndarray  # (curve, checkpoint)
    untrained: np.ndarray  # (curve, checkpoint) zero tokens: the floor, whatever the curve
    column: np.ndarray  # (curve, checkpoint) index of the checkpoint in the data set
    model: np.ndarray  # (curve,) index into models
    task: np.ndarray  # (curve,) index into tasks
    family: np.ndarray  # (model,) index into families
    size: np.ndarray  # (model,) log10 parameters, centred; zero where unknown
    chance: np.ndarray  # (task,)
    models: list[str]
    tasks: list[str]
    families: list[str]
    notes: list[str]

    @property
    def span(self) -> tuple[float, float]:
        """The observed range of the axis."""
        seen = self.x[self.measured & ~self.untrained]
        return float(seen.min()), float(seen.max())

    @property
    def levels(self) -> dict[str, bool]:
        """Which pooling terms these data can tell apart."""
        members = np.bincount(self.family, minlength=len(self.families))
        return {
            "task": len(self.tasks) > 1,
            "size": bool(np.ptp(self.size) > 0),
            "family": len(self.families) > 1 and bool((members > 1).any()),
            "model": len(self.models) > 1,
            "curve": len(self.models) > 1,
        }


def design(ds: xr.Dataset, axis_name: str = "tokens") -> Design:
    """Arrange the measured curves of a data set."""
    axis, x = axis_of(ds, axis_name)
    ds = ds.transpose("model", "checkpoint", "task")
    n = ds["n_trials"].values.transpose(0, 2, 1)  # (model, task, checkpoint)
    model, named_task = np.nonzero((n > 0).any(-1))
    if not len(model):
        raise InputError("expected at least one measured curve, got none: check the filters")
    task, tasks = _items(ds, model, named_task)
    rows = n[model, named_task]
    keep = np.argsort(rows <= 0, axis=1, kind="stable")[:, : int((rows > 0).sum(1).max())]  # measured ones first

    def align(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, keep, axis=1)

    measured = align(rows) > 0
    xs = align(x[model])
    untrained = measured & np.isneginf(xs)
    if not (measured & ~untrained).any():
        raise InputError("expected at least one trained checkpoint, got only checkpoints at 0: add later ones")
    lowest = xs[measured & ~untrained].min()
    size, notes = _sizes(ds)
    families, family = np.unique(ds["family"].values.astype(str), return_inverse=True)
    chance = np.array([ds["chance"].values[named_task[task == t][0]] for t in range(len(tasks))])
    return Design(
        axis=axis,
        k=np.where(measured, align(ds["n_correct"].values.transpose(0, 2, 1)[model, named_task]), 0).astype(float),
        n=np.where(measured, align(rows), 1).astype(float),
        x=np.where(measured & ~untrained, xs, lowest),
        measured=measured,
        untrained=untrained,
        column=keep,
        model=model,
        task=task,
        family=family,
        size=size,
        chance=np.nan_to_num(chance.astype(float)),
        models=[str(m) for m in ds["model"].values],
        tasks=tasks,
        families=[str(f) for f in families],
        notes=notes,
    )


def _items(ds: xr.Dataset, model: np.ndarray, named_task: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Tasks to pool over: equal names with different item sets are different tasks."""
    names = ds["task"].values.astype(str)[named_task]
    sets = ds["item_set"].values.astype(str)[model, named_task]
    many = pd.Series(sets).groupby(names).transform("nunique").to_numpy() > 1
    labels = np.where(many, np.char.add(np.char.add(names, " @"), sets), names)
    unique, index = np.unique(labels, return_inverse=True)
    return index, [str(u) for u in unique]


def _sizes(ds: xr.Dataset) -> tuple[np.ndarray, list[str]]:
    for column in ("params", "params_total"):
        values = ds[column].values.astype(float)
        if np.isfinite(values).all() and (values > 0).all():
            return np.log10(values) - np.log10(values).mean(), []
    several = ds.sizes["model"] > 1
    note = "no effect of model size was fitted: the parameter count of at least one model is unknown"
    return np.zeros(ds.sizes["model"]), [note] if several else []
