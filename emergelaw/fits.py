"""A fit: the posterior over emergence curves of one data set, and the questions it answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import dataset, modelfile, sampling, shipped
from emergelaw.axes import Axis
from emergelaw.curves import curve
from emergelaw.design import Design, design
from emergelaw.errors import InputError
from emergelaw.explanations import explain
from emergelaw.files import atomic, read_netcdf, write_netcdf
from emergelaw.laws.trajectory import EDGES, PARAMS, Trajectory, accuracy, natural
from emergelaw.likelihoods import likelihood
from emergelaw.modelfile import ModelFile, parameters_of
from emergelaw.posterior import STORED, curve_labels, tree
from emergelaw.status import judge
from emergelaw.target import target

SHOWN = 1000  # draws that figures, tables and predictions use
PACKAGES = ("emergelaw", "numpyro", "jax", "numpy", "xarray", "arviz-base")


@dataclass(frozen=True)
class Fit:
    """A finished fit. `draws` and `shared` hold the same SHOWN draws of curves and of everything else."""

    data: xr.Dataset
    model: ModelFile
    design: Design
    posterior: xr.DataTree
    result: dict[str, Any]

    @property
    def axis(self) -> Axis:
        return self.design.axis

    @cached_property
    def shared(self) -> xr.Dataset:
        """Every site, over `sample`."""
        stacked = self.posterior["posterior"].to_dataset().stack(sample=("chain", "draw"), create_index=False)
        keep = np.linspace(0, stacked.sizes["sample"] - 1, min(SHOWN, stacked.sizes["sample"])).astype(int)
        return stacked.isel(sample=keep).transpose("sample", ...)

    @cached_property
    def draws(self) -> xr.Dataset:
        """Natural parameters of every curve, over (sample, curve)."""
        d, held = self.design, self.shared
        values = {name: held[name].values for name in PARAMS if name != "floor" and name in held}
        values["floor"] = held["floor"].values[:, d.task]
        values.setdefault("dispersion", np.ones_like(values["floor"]))
        labels = curve_labels(self.data, d)
        return xr.Dataset({k: (("sample", "curve"), v) for k, v in values.items()}, coords=labels)

    def curves(self, x: Any, rows: Any = slice(None)) -> np.ndarray:
        """Return accuracies (sample, curve, x) of the curves `rows` on an x grid."""
        params = {name: self.draws[name].values[:, rows, None] for name in PARAMS if name in self.draws}
        x = np.asarray(x, float)
        untrained = np.isneginf(x)
        return np.asarray(accuracy(curve(self.model.curve), params, np.where(untrained, 0.0, x), untrained))

    def predict(self, values: Any) -> xr.DataArray:
        """Return accuracies (sample, curve, value) at values of the axis, such as tokens."""
        p = self.curves(self.axis.to_x(np.atleast_1d(values)))
        coords = {name: self.draws[name] for name in ("model", "task", "family")}
        return xr.DataArray(
            p,
            dims=("sample", "curve", self.axis.name),
            name="accuracy",
            coords={**coords, self.axis.name: np.atleast_1d(values)},
        )

    def emergence(self, threshold: float = 0.5) -> pd.DataFrame:
        """Return when each curve passes a threshold, with 90 % intervals and censoring."""
        from emergelaw.emergence import define, emergence_table

        return emergence_table(self, define("absolute", threshold))

    def order(self, threshold: float = 0.8) -> Any:
        """Return in which order tasks emerge and how far models agree on it."""
        from emergelaw.order import order

        return order(self, threshold)

    def plot_curves(self, ax: Any = None, **options: Any) -> Any:
        """Draw data, posterior median and bands of one task; see emergelaw.plots.plot_curves."""
        from emergelaw.plots import plot_curves

        return plot_curves(self, ax, **options)

    @cached_property
    def states(self) -> pd.DataFrame:
        """Return P(flat), P(not yet), P(emerged) of every curve at its last checkpoint."""
        flat, risen = self._flat, self.risen
        table = pd.DataFrame({name: self.draws[name].values for name in ("model", "task")})
        return table.assign(p_flat=flat.mean(0), p_not_yet=(~flat & ~risen).mean(0), p_emerged=risen.mean(0))

    @property
    def _flat(self) -> np.ndarray:
        return (self.draws["ceiling"] - self.draws["floor"]).values < self.model.flat_below

    @property
    def risen(self) -> np.ndarray:
        """Return whether each drawn curve (sample, curve) is half risen at its last checkpoint."""
        last = np.where(self.design.measured, self.design.x, -np.inf).max(1)
        return ~self._flat & (self.draws["onset"].values <= last)

    def typical(self, x: Any, task: str) -> np.ndarray:
        """Return the typical curve of a task, at the mean size of all models (sample, x)."""
        return self._level_curve(x, task, None, None)

    def family_curves(self, x: Any, task: str, family: str) -> dict[str, np.ndarray]:
        """Return a family's typical curve of a task and that of a new member of the family, at its mean size."""
        fresh = np.random.default_rng(self.result["seed"])
        members = {"typical": None, "new_member": fresh}
        return {name: self._level_curve(x, task, family, one) for name, one in members.items()}

    def _level_curve(self, x: Any, task: str, family: str | None, fresh: np.random.Generator | None) -> np.ndarray:
        item = int(self.design.task[np.flatnonzero(self.draws["task"].values == task)[0]])
        free = {
            name: self._level(name, item, family, fresh)
            for name in parameters_of(self.model.curve, self.model.likelihood, self.model.decline)
        }
        params = {k: np.asarray(v)[:, None] for k, v in natural(free, self.shared["floor"].values[:, item]).items()}
        return np.asarray(accuracy(curve(self.model.curve), params, np.asarray(x, float)))

    def _level(self, name: str, item: int, family: str | None, fresh: np.random.Generator | None) -> np.ndarray:
        """Return one parameter without what is particular to a model, or with that drawn anew."""
        held, d = self.shared, self.design
        low, high = d.span
        shift, unit = {"onset": (low, high - low), "width": (np.log((high - low) / 4), 1.0)}.get(name, (0.0, 1.0))
        total = shift + unit * held[f"{name}_mean"].values
        if f"{name}_task" in held:
            total = held[f"{name}_task"].values[:, item]  # mean included
        if family is not None:
            index = d.families.index(family)
            slope = held[f"{name}_size"][:, item] if f"{name}_size" in held else held.get(f"{name}_size_mean", 0.0)
            total = total + np.asarray(slope) * d.size[d.family == index].mean()
            if f"{name}_family" in held:
                total = total + held[f"{name}_family"].values[:, index]
        if fresh is not None:
            for level in ("model", "curve"):
                if f"{name}_{level}_sd" in held:
                    total = total + held[f"{name}_{level}_sd"].values * fresh.normal(size=len(total))
        return total

    @cached_property
    def _predicted_counts(self) -> np.ndarray:
        """Return counts the fit predicts for every cell, (sample, curve, checkpoint) as the design arranges them."""
        d, rng = self.design, np.random.default_rng(self.result["seed"])
        thin = slice(None, None, max(1, self.draws.sizes["sample"] * d.k.size // STORED))
        params = {name: self.draws[name].values[thin, :, None] for name in PARAMS if name in self.draws}
        p = np.asarray(accuracy(curve(self.model.curve), params, d.x, d.untrained))
        return likelihood(self.model.likelihood).draw(rng, d.n.astype(int), p, params["dispersion"])

    def predictive(self, level: float = 0.9) -> xr.Dataset:
        """Return bounds and mean of the predicted k/n for every cell, (curve, checkpoint of the data set)."""
        d = self.design
        share = self._predicted_counts / d.n
        tails = np.quantile(share, [(1 - level) / 2, (1 + level) / 2], axis=0)
        cells = {"low": tails[0], "high": tails[1], "mean": share.mean(0), "observed": d.k / d.n, "n": d.n, "x": d.x}
        out = {}
        for name, values in cells.items():
            wide = np.full((len(d.task), self.data.sizes["checkpoint"]), np.nan)
            np.put_along_axis(wide, d.column, np.where(d.measured, values, np.nan), axis=1)
            out[name] = ("curve", "checkpoint"), np.nan_to_num(wide) if name == "n" else wide
        return xr.Dataset(out, coords=curve_labels(self.data, d))

    @property
    def priors(self) -> list[dict[str, Any]]:
        """Return every prior with its sentence of belief beside its posterior, None where nothing is learned of it."""
        rows = []
        for name, prior in self.model.priors.items():
            told = {"name": name, "prior": str(prior), "belief": prior.belief}
            if name == "floor_sd":
                told |= {"name": "floor", "prior": f"Normal(chance, {prior.scale:g}) within (0, 1)"}
            if told["name"] in self.shared:
                low, median, high = np.quantile(self.shared[told["name"]].values, [0.05, 0.5, 0.95])
                rows.append(told | {"posterior": {"median": median, "low": low, "high": high}})
            elif name in (f"ceiling_{edge}" for edge in EDGES) and "ceiling_task" in self.shared:
                rows.append(told | {"posterior": None})
        return rows

    def save(self, out: str | Path) -> Path:
        """Write posterior.nc, fit.json, emergence.csv, data.nc, model.json, the report and its figures."""
        from emergelaw import report
        from emergelaw.emergence import define, points_by, table

        out = Path(out)
        dataset.save(self.data, out / "data.nc")
        groups = {f"/{name}": node.to_dataset() for name, node in self.posterior.children.items()}
        write_netcdf(out / "posterior.nc", groups)
        asked = (("absolute", 0.5), ("absolute", 0.8), ("relative", 0.5), ("half-rise", 0.5))
        rows = pd.concat([table(points) for points in points_by(self, [define(*one) for one in asked])])
        with atomic(out / "emergence.csv") as part:
            rows.to_csv(part, index=False)
        report.build(self, out)
        with atomic(out / "model.json") as part:
            part.write_text(self.model.model_dump_json(indent=1))
        with atomic(out / "fit.json") as part:  # last: its presence means that the run is whole
            part.write_text(json.dumps(self.result, indent=1))
        return out


def fit(
    ds: xr.Dataset | str | Path,
    model: str | Path | ModelFile = "trajectory",
    seed: int = 0,
    max_draws: int = 4000,
    progress: sampling.Progress = lambda *_: None,
    chains: int = 4,
) -> Fit:
    """Fit a model (a name, a file or a ModelFile) to a data set (or its file)."""
    began = time.perf_counter()
    ds = ds if isinstance(ds, xr.Dataset) else dataset.open(shipped.find_data(ds))
    model = model if isinstance(model, ModelFile) else modelfile.load(shipped.find_model(model))
    arranged = design(ds, model.axis)
    law = Trajectory(model, arranged)
    loaded = time.perf_counter()
    drawn = sampling.sample(target(law), seed, chains, max_draws, progress)
    found = Fit(ds, model, arranged, tree(arranged, model, drawn), {"seed": seed})
    several = explain(found, len(drawn.potential))
    verdict = judge(drawn, len(several) > 1)
    seconds = {"load": loaded - began, **drawn.seconds, "total": time.perf_counter() - began}
    result = {
        "status": verdict.status.label,
        "converged": verdict.status.converged,
        "status_sentence": verdict.status.sentence,
        "worst": verdict.worst,
        "max_rhat": drawn.max_rhat,
        "min_ess_bulk": drawn.min_ess,
        "divergences": int(drawn.diverging.sum()),
        "gradients": drawn.gradients,
        "draws": int(drawn.diverging.size),
        "leapfrogs_per_draw": float(drawn.leapfrogs.mean()),
        "seconds": {k: round(v, 3) for k, v in seconds.items()},
        "n_curves": len(arranged.task),
        "n_cells": int(arranged.measured.sum()),
        "coverage90_in_sample": coverage(found, 0.9),
        "explanations": several,
        "left_out": arranged.notes + _warnings(found),
        "data_sha256": data_sha256(ds),
        "model": model.name,
        "model_sha256": model_sha256(model),
        "max_draws": max_draws,
        "seed": seed,
        "versions": {name: version(name) for name in PACKAGES},
    }
    found.result.update(result)
    return found


def coverage(found: Fit, level: float) -> float:
    """Return the share of measured cells inside their central predictive interval, ties split at random."""
    d, counts = found.design, found._predicted_counts
    below, equal = (counts < d.k).mean(0), (counts == d.k).mean(0)
    pit = (below + np.random.default_rng(0).random(d.k.shape) * equal)[d.measured]
    return float(np.mean((pit >= (1 - level) / 2) & (pit <= (1 + level) / 2)))


def _warnings(found: Fit) -> list[str]:
    """Say where the chosen likelihood cannot fit the noise that is there."""
    from emergelaw.describe import task_dispersion

    phi = np.asarray(task_dispersion(found.data), float)
    phi = phi[np.isfinite(phi)]
    if found.model.likelihood == "dispersed" or not len(phi):
        return []
    below = np.mean(phi < 0.7)
    above = np.mean(phi > 1.5) if found.model.likelihood == "binomial" else 0.0
    told = [(below, "below"), (above, "above")]
    return [
        f"the {found.model.likelihood} likelihood cannot fit {share:.0%} of the tasks, whose noise is {side} binomial: "
        "prefer the dispersed likelihood"
        for share, side in told
        if share > 0.1
    ]


def data_sha256(ds: xr.Dataset) -> str:
    """Return a hash of everything the fit can see of a data set."""
    digest = hashlib.sha256()
    for name in sorted(map(str, ds.variables)):
        values = ds[name].values
        digest.update(f"{name}{ds[name].dims}{values.shape}".encode())
        digest.update(values.tobytes() if values.dtype.kind in "iuf" else "\0".join(map(str, values.ravel())).encode())
    return digest.hexdigest()


def model_sha256(model: ModelFile) -> str:
    """Return a hash of everything a model file says."""
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()


def load(run: str | Path) -> Fit:
    """Open the folder of a finished fit."""
    run = Path(run)
    if not (run / "fit.json").is_file():
        raise InputError(
            f"expected a finished fit in {run}, found no fit.json there: run `emergelaw fit` with --out {run}"
        )
    try:
        result = json.loads((run / "fit.json").read_text())
        model = ModelFile.model_validate_json((run / "model.json").read_text())
        groups = ("posterior", "sample_stats", "log_likelihood", "posterior_predictive", "observed_data")
        tree = xr.DataTree.from_dict({g: read_netcdf(run / "posterior.nc", g) for g in groups})
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"expected a whole fit in {run}, could not read it ({error}): run `emergelaw fit` again with --force"
        ) from error
    ds = dataset.open(run / "data.nc")
    return Fit(ds, model, design(ds, model.axis), tree, result)


def reusable(run: Path, ds: xr.Dataset, model: ModelFile, seed: int, max_draws: int) -> bool:
    """Whether a folder holds the fit of exactly this data, model, seed and version, and more draws would not help."""
    try:
        told = json.loads((run / "fit.json").read_text())
    except (OSError, ValueError):
        return False
    wanted = {"data_sha256": data_sha256(ds), "seed": seed, "model_sha256": model_sha256(model)}
    same = all(told.get(k) == v for k, v in wanted.items()) and told["versions"]["emergelaw"] == version("emergelaw")
    return same and (told["converged"] or told["max_draws"] >= max_draws)


def fit_or_reuse(
    source: str | Path,
    model: str | Path = "trajectory",
    out: Path | None = None,
    seed: int = 0,
    force: bool = False,
    max_draws: int = 4000,
    say: Callable[[str], None] = print,
    progress: sampling.Progress = lambda *_: None,
) -> tuple[Fit, Path]:
    """Fit a file and write the run folder, unless it already holds the same fit."""
    path = shipped.find_data(source)
    ds, chosen = dataset.open(path), modelfile.load(shipped.find_model(model))
    run = out or Path("runs") / f"{path.stem}-{chosen.name}"
    if not force and reusable(run, ds, chosen, seed, max_draws):
        say(f"unchanged data, model and seed: reusing the fit in {run} (--force fits anew)")
        return load(run), run
    found = fit(ds, chosen, seed, max_draws, progress)
    return found, found.save(run)
