"""A posterior as ArviZ expects it: one DataTree of draws, statistics, log-likelihood and predicted counts."""

import math
from itertools import product

import numpy as np
import xarray as xr

from emergelaw.curves import curve
from emergelaw.design import Design
from emergelaw.laws.trajectory import PARAMS, accuracy
from emergelaw.likelihoods import likelihood
from emergelaw.modelfile import ModelFile
from emergelaw.sampling import Draws

STORED = 20_000_000  # numbers kept per group of posterior.nc
AT_ONCE = 200_000  # cells evaluated together: bounds memory


def curve_labels(ds: xr.Dataset, d: Design) -> dict[str, tuple[str, np.ndarray]]:
    """Return model, task and family of every curve, as coordinates."""
    names = [d.tasks[t] for t in d.task]
    plain = {str(t) for t in ds["task"].values}
    task = [n if n in plain else n.rsplit(" @", 1)[0] for n in names]  # "name @item set" is the task `name`
    model = np.array(d.models, object)[d.model]
    family = np.array(d.families, object)[d.family[d.model]]
    labels = {"model": model, "task": np.array(task, object), "family": family}
    return {name: ("curve", values.astype(str)) for name, values in labels.items()}


def tree(d: Design, model: ModelFile, drawn: Draws) -> xr.DataTree:
    """Arrange the draws as ArviZ expects them, with named dimensions."""
    curves = {"curve": [f"{d.models[m]}, {d.tasks[t]}" for m, t in zip(d.model, d.task, strict=True)]}
    stats = {"diverging": drawn.diverging, "leapfrogs": drawn.leapfrogs, "potential_energy": drawn.potential}
    observed = {"n_correct": d.k, "n_trials": np.where(d.measured, d.n, 0), "x": np.where(d.untrained, -np.inf, d.x)}
    groups = {
        "posterior": _posterior(d, drawn).assign_coords(curves),
        "sample_stats": xr.Dataset({k: (("chain", "draw"), v) for k, v in stats.items()}),
        "observed_data": xr.Dataset({k: (("curve", "checkpoint"), v) for k, v in observed.items()}, coords=curves),
    }
    for name, values in _cells(d, model, drawn).items():
        groups[name] = xr.Dataset({"n_correct": (("chain", "draw", "curve", "checkpoint"), values)}, coords=curves)
    return xr.DataTree.from_dict(groups)


def _posterior(d: Design, drawn: Draws) -> xr.Dataset:
    """Return every site, thinned to STORED numbers; what a site varies with shows in the end of its name."""
    level = {"task": "item", "size": "item", "floor": "item", "model": "member", "family": "family", "curve": "curve"}
    names = {"item": d.tasks, "member": d.models, "family": d.families}
    thin = slice(None, None, math.ceil(sum(v.size for v in drawn.values.values()) / STORED))
    sites = {}
    for name, values in drawn.values.items():
        last = level.get(name.rsplit("_", 1)[-1], "curve")
        sites[name] = ("chain", "draw", last)[: values.ndim], values[:, thin].astype(np.float32)
    used = {dim for dims, _ in sites.values() for dim in dims}
    return xr.Dataset(sites, coords={k: v for k, v in names.items() if k in used})


def _cells(d: Design, model: ModelFile, drawn: Draws) -> dict[str, np.ndarray]:
    """Return log-likelihood and predicted counts of every cell for as many draws as are worth storing."""
    thin = slice(None, None, math.ceil(drawn.potential.size * d.k.size / STORED))
    held = {name: drawn.values[name][:, thin] for name in PARAMS if name in drawn.values}
    held["floor"] = held["floor"][..., d.task]
    held.setdefault("dispersion", np.ones_like(held["floor"]))
    shape = (*held["floor"].shape[:2], *d.k.shape)
    log_prob, counts = np.empty(shape, np.float32), np.empty(shape, np.int32)
    one, noise, rng = curve(model.curve), likelihood(model.likelihood), np.random.default_rng(0)
    step = math.ceil(AT_ONCE / d.k.size)
    for chain, first in product(range(shape[0]), range(0, shape[1], step)):
        at = chain, slice(first, first + step)
        params = {name: v[at][..., None] for name, v in held.items()}
        p = np.asarray(accuracy(one, params, d.x, d.untrained))
        log_prob[at] = np.where(d.measured, noise.log_prob(d.k, d.n, p, params["dispersion"]), np.nan)
        counts[at] = np.where(d.measured, noise.draw(rng, d.n.astype(int), p, params["dispersion"]), -1)
    return {"log_likelihood": log_prob, "posterior_predictive": counts}
