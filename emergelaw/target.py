"""A NumPyro law as a density over one flat vector, ordered so that the parameters of one task stand together."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro.distributions import biject_to
from numpyro.handlers import seed, substitute, trace
from numpyro.infer.initialization import init_to_sample
from numpyro.infer.util import initialize_model

jax.config.update("jax_enable_x64", True)  # before any array is made: float32 chains are not reproducible
cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emergelaw" / "xla"
jax.config.update("jax_compilation_cache_dir", str(cache))  # compiling costs as much as sampling a small data set
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

Centring = dict[str, jax.Array]


@dataclass(frozen=True)
class Target:
    """Negative log density and values of a law, both as functions of (flat vector, centring)."""

    dim: int
    potential: Callable[[jax.Array, Centring], jax.Array]
    values: Callable[[jax.Array, Centring], dict[str, jax.Array]]
    recentre: Callable[[jax.Array, Centring, Centring], jax.Array]
    centring: Centring  # all effects non-centred
    by_task: Callable[[jax.Array, Centring], jax.Array]  # log density of each task's own parameters and data
    blocks: np.ndarray  # (block, width) flat indices of the parameters of one task, -1 pads; the last block is shared
    prior_draw: Callable[[jax.Array], jax.Array]


def target(law: Any) -> Target:
    """Compile-ready density of a law, which names its varying effects in `effects` and groups in `groups`."""
    started = initialize_model(jax.random.key(0), law, model_args=(None,), dynamic_args=True, init_strategy=init_to_sample)
    potential_of, values_of = started.potential_fn, started.postprocess_fn
    template, unravel = ravel_pytree(started.param_info.z)
    group = _groups(started.param_info.z, law.groups)
    order = np.argsort(np.where(group < 0, group.max() + 1, group), kind="stable")
    inverse = jnp.asarray(np.argsort(order))
    order_array = jnp.asarray(order)

    def sites(z: jax.Array) -> dict[str, jax.Array]:
        return unravel(z[inverse])

    def recentre(z: jax.Array, old: Centring, new: Centring) -> jax.Array:
        held, moved = values_of(old)(sites(z)), dict(sites(z))
        for name in law.effects:
            loc, scale, c = held[f"{name}_loc"], held[f"{name}_scale"], new[name]
            moved[f"{name}_raw"] = loc * c + (held[name] - loc) / scale ** (1 - c)
        return ravel_pytree(moved)[0][order_array]

    def prior_draw(key: jax.Array) -> jax.Array:
        drawn = initialize_model(key, law, model_args=(None,), dynamic_args=True, init_strategy=init_to_sample)
        return ravel_pytree(drawn.param_info.z)[0][order_array]

    transforms = {name: biject_to(site["fn"].support) for name, site in trace(seed(law, 0)).get_trace(None).items()
                  if site["type"] == "sample" and not site["is_observed"]}
    n_tasks = int(group.max()) + 1

    def by_task(z: jax.Array, c: Centring) -> jax.Array:
        free = sites(z)
        fixed = {name: transforms[name](v) for name, v in free.items()}
        total = jnp.zeros(n_tasks)
        for name, site in trace(substitute(law, data=fixed)).get_trace(c).items():
            if site["type"] == "sample" and jnp.ndim(law.groups[name]):
                terms = site["fn"].log_prob(site["value"])
                if name in free:
                    terms = terms + transforms[name].log_abs_det_jacobian(free[name], fixed[name])
                own = np.asarray(law.groups[name])
                total = total.at[own[own >= 0]].add(terms[own >= 0])
        return total

    return Target(
        dim=len(template),
        potential=lambda z, c: potential_of(c)(sites(z)),
        values=lambda z, c: values_of(c)(sites(z)),
        recentre=recentre,
        centring={name: jnp.zeros(size) for name, size in law.effects.items()},
        by_task=by_task,
        blocks=_blocks(group[order]),
        prior_draw=prior_draw,
    )


def _groups(sites: Mapping[str, jax.Array], groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the task of every element of the flat vector, -1 where it is shared by all."""
    filled = {name: jnp.broadcast_to(jnp.asarray(groups[name]), jnp.shape(value)) for name, value in sites.items()}
    return np.asarray(ravel_pytree(filled)[0]).astype(int)


def _blocks(group: np.ndarray) -> np.ndarray:
    labels, counts = np.unique(group, return_counts=True)
    table = np.full((len(labels), counts.max()), -1)
    for row, label in enumerate([*labels[labels >= 0], *labels[labels < 0]]):
        members = np.flatnonzero(group == label)
        table[row, : len(members)] = members
    return table
