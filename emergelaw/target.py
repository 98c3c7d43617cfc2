"""A NumPyro law as a density over one flat vector, ordered so that the parameters of one task stand together."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro.distributions import biject_to
from numpyro.handlers import seed, substitute, trace

jax.config.update("jax_enable_x64", True)  # before any array is made: float32 chains are not reproducible
cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emergelaw" / "xla"
jax.config.update("jax_compilation_cache_dir", str(cache))  # compiling costs as much as sampling a small data set
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

LIKELIHOOD = "log_likelihood"  # the site of the data
Inputs = dict[str, jax.Array]  # what changes without compiling again: the centring of every effect, and the data


class ByTask(NamedTuple):
    """Log densities (task,): of each task's own parameters and data, and of its data alone."""

    joint: jax.Array
    likelihood: jax.Array


@dataclass(frozen=True)
class Target:
    """Negative log density and values of a law, both as functions of (flat vector, inputs)."""

    dim: int
    potential: Callable[[jax.Array, Inputs], jax.Array]
    values: Callable[[jax.Array, Inputs], dict[str, jax.Array]]
    recentre: Callable[[jax.Array, Inputs, Inputs], jax.Array]
    inputs: Inputs  # all effects non-centred, and the data of the law
    effects: tuple[str, ...]  # the inputs that are centrings
    centred: tuple[str, ...]  # those that warm-up centres whatever it sees
    by_task: Callable[[jax.Array, Inputs], ByTask]
    redraw: Callable[[jax.Array, jax.Array, Inputs], jax.Array]  # the rises of all tasks anew, given all else
    rises: np.ndarray  # (dim,) whether an element says how a task rises
    scales: np.ndarray  # (dim,) whether an element says how much effects differ
    blocks: np.ndarray  # (block, width) flat indices of the parameters of one task, -1 pads; the last block is shared
    prior_draw: Callable[[jax.Array], jax.Array]


def target(law: Any) -> Target:
    """Density of a law, which names its varying effects (`effects`, `centred`), groups of sites, and its data."""
    latent = _latent(trace(seed(law, 0)).get_trace(None))
    transforms = {name: biject_to(site["fn"].support) for name, site in latent.items()}
    template, unravel = ravel_pytree({name: transforms[name].inv(site["value"]) for name, site in latent.items()})
    group = _groups(unravel(template), law.groups)
    order = np.argsort(np.where(group < 0, group.max() + 1, group), kind="stable")
    inverse, n_tasks = np.argsort(order), int(group.max()) + 1

    def evaluate(z: jax.Array, c: Inputs) -> tuple[dict[str, jax.Array], dict[str, Any]]:
        """Return log density terms per site, of the unconstrained coordinates, and every site's record."""
        free = unravel(z[inverse])
        fixed = {name: transforms[name](v) for name, v in free.items()}
        sites = trace(substitute(law, data=fixed)).get_trace(c)
        terms = {name: site["fn"].log_prob(site["value"]) for name, site in sites.items() if site["type"] == "sample"}
        for name, value in free.items():
            terms[name] = terms[name] + transforms[name].log_abs_det_jacobian(value, fixed[name])
        return terms, sites

    def potential(z: jax.Array, c: Inputs) -> jax.Array:
        return -sum((jnp.sum(term) for term in evaluate(z, c)[0].values()), start=jnp.zeros(()))

    def values(z: jax.Array, c: Inputs) -> dict[str, jax.Array]:
        sites = evaluate(z, c)[1].items()
        return {name: site["value"] for name, site in sites if name in latent or site["type"] == "deterministic"}

    def by_task(z: jax.Array, c: Inputs) -> ByTask:
        joint = likelihood = jnp.zeros(n_tasks)
        for name, term in evaluate(z, c)[0].items():
            own = np.broadcast_to(law.groups[name], jnp.shape(term))
            if (own >= 0).any():
                total = jnp.zeros(n_tasks).at[own[own >= 0]].add(term[own >= 0])
                joint, likelihood = joint + total, likelihood + total * (name == LIKELIHOOD)
        return ByTask(joint, likelihood)

    def redraw(z: jax.Array, key: jax.Array, c: Inputs) -> jax.Array:
        free = unravel(z[inverse])
        held = {name: transforms[name](v) for name, v in free.items() if name not in law.rise}
        drawn = _latent(trace(substitute(seed(law, key), data=held)).get_trace(c))
        return ravel_pytree(free | {name: drawn[name]["value"] for name in law.rise})[0][order]

    def recentre(z: jax.Array, old: Inputs, new: Inputs) -> jax.Array:
        held, moved = values(z, old), unravel(z[inverse])
        for name in law.effects:
            loc, scale, c = held[f"{name}_loc"], held[f"{name}_scale"], new[name]
            moved[f"{name}_raw"] = loc * c + (held[name] - loc) / scale ** (1 - c)
        return ravel_pytree(moved)[0][order]

    def prior_draw(key: jax.Array) -> jax.Array:
        drawn = _latent(trace(seed(law, key)).get_trace(None))
        return ravel_pytree({name: transforms[name].inv(site["value"]) for name, site in drawn.items()})[0][order]

    def where(chosen: Callable[[str], bool]) -> np.ndarray:
        told = {name: np.array(chosen(name)) for name in latent}
        return _filled(unravel(template), told)[order].astype(bool)

    return Target(
        dim=len(template),
        potential=potential,
        values=values,
        recentre=recentre,
        inputs={name: jnp.zeros(size) for name, size in law.effects.items()} | law.data,
        effects=tuple(law.effects),
        centred=law.centred,
        by_task=by_task,
        redraw=redraw,
        rises=where(lambda name: name in law.rise),
        scales=where(lambda name: name.endswith("_sd")),
        blocks=_blocks(group[order]),
        prior_draw=prior_draw,
    )


def _latent(sites: Mapping[str, Any]) -> dict[str, Any]:
    return {name: site for name, site in sites.items() if site["type"] == "sample" and not site["is_observed"]}


def _groups(sites: Mapping[str, jax.Array], groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the task of every element of the flat vector, -1 where it is shared by all."""
    return _filled(sites, groups).astype(int)


def _filled(sites: Mapping[str, jax.Array], told: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what is told of every site for every element of the flat vector."""
    filled = {name: jnp.broadcast_to(jnp.asarray(told[name]), jnp.shape(value)) for name, value in sites.items()}
    return np.asarray(ravel_pytree(filled)[0])


def _blocks(group: np.ndarray) -> np.ndarray:
    labels, counts = np.unique(group, return_counts=True)
    table = np.full((len(labels), counts.max()), -1)
    for row, label in enumerate([*labels[labels >= 0], *labels[labels < 0]]):
        members = np.flatnonzero(group == label)
        table[row, : len(members)] = members
    return table
