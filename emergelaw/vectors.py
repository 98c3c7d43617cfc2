"""Function vectors: one direction per (model, checkpoint, task), of any width, in groups of the data set's own file.

One group per model (`/vectors/m0` …, the model's name in its attribute `model`: names may contain slashes), each with
for every form of vector ("hidden", "heads" …)

    <form>         (fv_checkpoint, task, width_<form>)  NaN over the whole width: not measured
    gram_<form>    (fv_checkpoint, task, other)         inner products of the tasks; attribute normalised = 1: cosines
    layer_<form>   (fv_checkpoint)                      optional: where in the network it was taken

and the coordinate fv_checkpoint: the index of the checkpoint in the data set. A form may have its Gram matrix alone.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from emergelaw import contract
from emergelaw.errors import InputError, did_you_mean
from emergelaw.files import group_names, read_netcdf

Vectors = dict[str, xr.Dataset]  # model name → its group
SYMMETRY = 1e-6  # relative tolerance of Gram matrices that were stored in single precision


def with_grams(group: xr.Dataset, normalised: bool = True) -> xr.Dataset:
    """Return the group with a Gram matrix for each of its forms: cosines, or inner products if not normalised."""
    for form in forms(group):
        v = group[form].values.astype(float)
        if normalised:
            v = v / np.linalg.norm(v, axis=-1, keepdims=True)
        group = group.assign(
            {
                f"gram_{form}": (
                    ("fv_checkpoint", "task", "other"),
                    v @ v.swapaxes(-1, -2),
                    {"normalised": int(normalised)},
                )
            }
        )
    return group.assign_coords(other=group["task"].values)


def forms(group: xr.Dataset) -> list[str]:
    """Return the names of the forms of vector that a group holds."""
    return sorted(str(v) for v in group.data_vars if group[v].dims == ("fv_checkpoint", "task", f"width_{v}"))


def _grams(group: xr.Dataset) -> list[str]:
    return sorted(str(v) for v in group.data_vars if group[v].dims == ("fv_checkpoint", "task", "other"))


def groups(ds: xr.Dataset, vectors: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return the netCDF groups that hold these vectors of the models of ds, over all its tasks."""
    validate(ds, vectors)
    every = {"task": ds["task"].values, "other": ds["task"].values}
    padded = {
        name: group.reindex({d: v for d, v in every.items() if d in group.dims}).assign_attrs(model=name)
        for name, group in sorted(vectors.items())
    }
    return {f"/vectors/m{i}": group for i, group in enumerate(padded.values())}


def present(path: str | Path) -> bool:
    """Say whether a data set file holds function vectors."""
    return bool(group_names(path, "/vectors"))


def open(path: str | Path) -> Vectors:
    """Read the function vectors of a data set file, by model."""
    read = [read_netcdf(path, name) for name in group_names(path, "/vectors")]
    if not read:
        raise InputError(
            f"expected function vectors in {path}, got a data set of counts alone: "
            "choose a data set that has them, or a model that does not need them"
        )
    vectors = {str(group.attrs.get("model", "")): group for group in read}
    validate(contract.validate(read_netcdf(path)), vectors)
    return {name: vectors[name] for name in sorted(vectors)}


def validate(ds: xr.Dataset, vectors: Mapping[str, xr.Dataset]) -> None:
    """Raise with every way in which the vectors do not belong to ds or are not what this module says."""
    contract.raise_all(s for name, group in sorted(vectors.items()) for s in violations(ds, name, group))


def violations(ds: xr.Dataset, model: str, group: xr.Dataset) -> Iterator[str]:
    """Name every breach in one model's group, one sentence each with its coordinates."""
    yield from _unknown(ds, model, group)
    if not (forms(group) or _grams(group)):
        yield (
            f"expected vectors over (fv_checkpoint, task, width_<form>) for model {model!r}, got variables "
            f"{', '.join(map(str, group.variables)) or 'none'}: name each width after its form"
        )
    for form in forms(group):
        v = group[form].values
        broken = ~np.isfinite(v).all(-1) & ~np.isnan(v).all(-1) | (np.abs(v).sum(-1) == 0)
        for c, t in np.argwhere(broken):
            yield (
                f"expected a finite, non-zero vector {form!r} or none at all, got {_row(v[c, t])} "
                f"{_at(group, model, c, t)}: drop it or extract it again"
            )
    for name in _grams(group):
        yield from _gram_violations(group, model, name)


def _unknown(ds: xr.Dataset, model: str, group: xr.Dataset) -> Iterator[str]:
    models, tasks = list(ds["model"].values), set(ds["task"].values)
    if model not in models:
        yield (
            f"expected vectors of a model of the data set, got {model!r}{did_you_mean(model, models)}: "
            "rename it or leave it out"
        )
        return
    if "task" not in group.coords or "fv_checkpoint" not in group.coords:
        yield f"expected coordinates task and fv_checkpoint for the vectors of model {model!r}, got none: add them"
        return
    for task in sorted(set(map(str, group["task"].values)) - tasks):
        yield (
            f"expected vectors of tasks of the data set, got {task!r} for model {model!r}"
            f"{did_you_mean(task, tasks)}: rename it or leave it out"
        )
    places = [ds[c].values[models.index(model)] for c in ("tokens", "step")]
    known = np.flatnonzero(np.isfinite(places).any(0))
    for index in sorted(set(group["fv_checkpoint"].values.tolist()) - set(known.tolist())):
        yield (
            f"expected fv_checkpoint of model {model!r} to be one of its {len(known)} checkpoints, got {index}: "
            "count from 0 in the data set"
        )


def _gram_violations(group: xr.Dataset, model: str, name: str) -> Iterator[str]:
    if list(group["other"].values if "other" in group.coords else ()) != list(group["task"].values):
        yield f"expected {name} of model {model!r} over the same tasks twice, got others: set other to task"
        return
    gram = group[name].values
    scale = np.nanmax(np.abs(gram), axis=(1, 2), keepdims=True, initial=0.0) + np.finfo(float).tiny
    skew = ~np.isclose(gram / scale, gram.swapaxes(1, 2) / scale, atol=SYMMETRY, equal_nan=True)
    for c, t, o in np.argwhere(skew)[:1]:
        yield (
            f"expected {name} to be symmetric, got {gram[c, t, o]:g} and {gram[c, o, t]:g} with task "
            f"{group['task'].values[o]!r} {_at(group, model, c, t)}: compute it again"
        )
    diagonal = np.diagonal(gram, axis1=1, axis2=2)
    low, high = (1 - SYMMETRY, 1 + SYMMETRY) if group[name].attrs.get("normalised") else (0.0, np.inf)
    for c, t in np.argwhere(~((diagonal >= low) & (diagonal <= high)) & ~np.isnan(diagonal))[:1]:
        rule = "1" if high < np.inf else "≥ 0"
        yield (
            f"expected {name} to have diagonal {rule}, got {diagonal[c, t]:g} {_at(group, model, c, t)}: "
            "compute it again"
        )


def _row(v: np.ndarray) -> str:
    return "only zeros" if np.isfinite(v).all() else f"{(~np.isfinite(v)).sum()} of {len(v)} entries not finite"


def _at(group: xr.Dataset, model: str, c: int, t: int) -> str:
    return f"at model {model!r}, checkpoint {int(group['fv_checkpoint'].values[c])}, task {group['task'].values[t]!r}"
