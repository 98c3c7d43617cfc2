"""What a data set must be: names of its parts, and every breach in one sentence with its coordinates."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from emergelaw.errors import InputError, did_you_mean
from emergelaw.files import canonical

CONTRACT = 1  # raised when a reader of the former contract would misread a file
DIMS = ("model", "checkpoint", "task")
MODEL_COORDS = {"family": "", "params": np.nan, "params_total": np.nan, "seed": np.nan, "corpus": ""}
TASK_COORDS = {"chance": 0.0, "category": "", "kind": "", "components": "", "n_shots": np.nan}
CHECKPOINT_COORDS = ("step", "tokens", "flops", "loss")
CHECKPOINT_AXES = ("tokens", "step")  # one of them must place every measured checkpoint
KINDS = ("measured", "published", "simulated")
TASK_KINDS = ("elemental", "composite", "benchmark", "")
TEXT = {"model", "task", "family", "corpus", "category", "kind", "components", "item_set", "checkpoint_name"}
SHOWN = 20  # violations shown in one error
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
)  # control characters and half characters come from damage


def provenance(ds: xr.Dataset) -> dict[str, Any]:
    """Return what the data set says of its origin."""
    return json.loads(ds.attrs["emergelaw"])


def without_tokens(ds: xr.Dataset) -> np.ndarray:
    """Mark the measured checkpoints (model, checkpoint) that have no tokens; they are known by their steps."""
    return (ds["n_trials"].values > 0).any(2) & ~np.isfinite(ds["tokens"].values)


def validate(ds: xr.Dataset) -> xr.Dataset:
    """Return ds itself if it keeps the contract; else raise with every violation."""
    raise_all(violations(ds))
    return ds


def raise_all(violations: Iterable[str]) -> None:
    """Raise with every violation there is; with none, return."""
    if found := list(violations):
        more = f"\n(and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise InputError("\n".join(found[:SHOWN]) + more)


def violations(ds: xr.Dataset) -> list[str]:
    """Name every breach of the contract, one sentence each with its coordinates."""
    ds = canonical(ds)  # names as Python's own text
    misshapen = list(_misshapen(ds))
    if misshapen:
        return misshapen
    checks = (_provenance, _names, _texts, _counts, _grids, _task_values, _model_values, _metrics)
    return [sentence for check in checks for sentence in check(ds)]


def _misshapen(ds: xr.Dataset) -> Iterator[str]:
    expected = {
        "n_correct": DIMS,
        "n_trials": DIMS,
        "model": ("model",),
        "task": ("task",),
        "item_set": ("model", "task"),
        "checkpoint_name": DIMS[:2],
    }
    expected |= {c: DIMS[:2] for c in CHECKPOINT_COORDS if c in CHECKPOINT_AXES or c in ds.variables}
    expected |= {c: ("model",) for c in MODEL_COORDS} | {c: ("task",) for c in TASK_COORDS}
    for name, dims in expected.items():
        got = _shape_mismatch(ds.variables[name], name, dims) if name in ds.variables else "nothing of that name"
        if got:
            yield f"expected {name} over ({', '.join(dims)}), got {got}: build the data set with dataset.build"


def _shape_mismatch(variable: xr.Variable, name: str, dims: tuple[str, ...]) -> str:
    if variable.dims != dims:
        return f"it over ({', '.join(map(str, variable.dims))})"
    if (name in TEXT) != (variable.dtype.kind in "OUT"):
        return f"values of type {variable.dtype}"
    return ""


def _provenance(ds: xr.Dataset) -> Iterator[str]:
    try:
        kind = provenance(ds).get("kind")
    except KeyError:
        yield "expected the provenance in the attribute 'emergelaw', got none: import the source"
    except (ValueError, TypeError, AttributeError):
        yield (
            f"expected the attribute 'emergelaw' to hold the provenance as one JSON object, got "
            f"{str(ds.attrs['emergelaw'])[:40]!r}: import the source again with `emergelaw import`"
        )
    else:
        if kind not in KINDS:
            yield f"expected provenance kind to be one of {', '.join(KINDS)}, got {kind!r}: state the origin"


def _names(ds: xr.Dataset) -> Iterator[str]:
    for dim in ("model", "task"):
        names = list(ds[dim].values)
        nameless = [n for n in names if not isinstance(n, str) or not n]
        if nameless:
            yield f"expected every {dim} to have a name, got {nameless[0]!r}: name it"
            continue
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"expected {dim} names to be unique, got {name!r} more than once: rename one"


def unprintable(name: str, values: Iterable[Any]) -> Iterator[str]:
    """Name the texts that no file can hold, or no table can show."""
    for text in {v for v in values if isinstance(v, str) and UNPRINTABLE.search(v)}:
        yield f"expected printable text for {name}, got {text[:80]!r}: the source is damaged there"


def _texts(ds: xr.Dataset) -> Iterator[str]:
    for name, variable in ds.variables.items():
        if variable.dtype == object:
            yield from unprintable(str(name), variable.values.flat)
    if UNPRINTABLE.search(str(ds.attrs.get("emergelaw", ""))):
        yield "expected printable text in the provenance, got control characters or half characters: leave them out"


def _counts(ds: xr.Dataset) -> Iterator[str]:
    for name in ("n_correct", "n_trials"):
        if not np.issubdtype(ds[name].dtype, np.integer):
            yield f"expected {name} to be integers, got {ds[name].dtype}: give counts, not accuracies"
            return
    k, n = ds["n_correct"].values, ds["n_trials"].values
    rules = (n < 0, "n_trials ≥ 0"), (k < 0, "n_correct ≥ 0"), ((k > n) & (n >= 0), "n_correct ≤ n_trials")
    for where, rule in rules:
        for m, c, t in np.argwhere(where):
            yield f"expected {rule}, got {k[m, c, t]} of {n[m, c, t]} {_at(ds, m, c, t)}: correct the source"


def _grids(ds: xr.Dataset) -> Iterator[str]:
    measured = (ds["n_trials"] > 0).any("task").values
    axes = {c: ds[c].values for c in CHECKPOINT_COORDS if c in ds.coords}
    for m, model in enumerate(ds["model"].values):
        if not any(np.isfinite(axes[c][m][measured[m]]).all() for c in CHECKPOINT_AXES):
            yield (
                f"expected every measured checkpoint of model {model!r} to have tokens, or every one a step, "
                "got a gap in both: fill it in the source"
            )
        for name in CHECKPOINT_AXES:
            finite = axes[name][m][np.isfinite(axes[name][m])]
            for before, after in pairwise(finite):
                if after <= before:
                    yield (
                        f"expected {name} of model {model!r} to rise from checkpoint to checkpoint, got {before:g} "
                        f"followed by {after:g}: merge or correct these checkpoints"
                    )
    for name, values in axes.items():
        for m, c in np.argwhere(np.isinf(values) | ((values < 0) & (name != "loss"))):
            rule = "a number" if name == "loss" else "a number ≥ 0"
            yield f"expected {name} to be {rule}, got {values[m, c]:g} {_at(ds, m, c)}: correct the source"


def _task_values(ds: xr.Dataset) -> Iterator[str]:
    rules = {
        "chance": ("in [0, 1)", lambda v: (v >= 0) & (v < 1)),
        "n_shots": ("a number ≥ 0, or nothing", lambda v: np.isnan(v) | (v >= 0) & np.isfinite(v)),
    }
    yield from _out_of_range(ds, "task", rules)
    for task, kind in zip(ds["task"].values, ds["kind"].values if "kind" in ds.coords else (), strict=False):
        if kind not in TASK_KINDS:
            yield (
                f"expected kind of task {task!r} to be one of {', '.join(filter(None, TASK_KINDS))} or empty, "
                f"got {kind!r}{did_you_mean(str(kind), TASK_KINDS[:-1])}: correct the task table"
            )


def _model_values(ds: xr.Dataset) -> Iterator[str]:
    positive = ("a number > 0, or nothing", lambda v: np.isnan(v) | (v > 0) & np.isfinite(v))
    finite = ("a number, or nothing", lambda v: ~np.isinf(v))
    yield from _out_of_range(ds, "model", {"params": positive, "params_total": positive, "seed": finite})


def _out_of_range(ds: xr.Dataset, dim: str, rules: dict) -> Iterator[str]:
    for name, (rule, holds) in rules.items():
        for label, value in zip(ds[dim].values, ds[name].values if name in ds.coords else (), strict=False):
            if not holds(np.float64(value)):
                yield f"expected {name} {rule}, got {value:g} for {dim} {label!r}: correct the {dim} table"


def _metrics(ds: xr.Dataset) -> Iterator[str]:
    for name in sorted(set(map(str, ds.data_vars)) - {"n_correct", "n_trials"}):
        if ds[name].dims != DIMS or ds[name].dtype.kind != "f":
            yield (
                f"expected metric {name} as real numbers over {DIMS}, got {ds[name].dtype} over {ds[name].dims}: "
                "make it a coordinate or drop it"
            )
            continue
        for m, c, t in np.argwhere(np.isinf(ds[name].values)):
            yield f"expected finite {name} or NaN, got {ds[name].values[m, c, t]} {_at(ds, m, c, t)}: leave it out"


def _at(ds: xr.Dataset, m: int, c: int, t: int | None = None) -> str:
    task = "" if t is None else f", task {ds['task'].values[t]!r}"
    places = (f"{name} {ds[name].values[m, c]:g}" for name in CHECKPOINT_AXES if np.isfinite(ds[name].values[m, c]))
    return f"at model {ds['model'].values[m]!r}, checkpoint {c} ({', '.join(places) or 'unplaced'}){task}"
