"""Jumps between explanations: whole-task proposals that let a chain change its mind about one task.

Given what tasks share, tasks are independent, so all of them may be proposed anew at once and be accepted one by one.
Proposals come from Student mixtures fitted to the warm-up draws of all chains: where chains started in different modes,
every chain can reach every mode, and modes are visited in proportion to their posterior mass.
"""

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp
from scipy.cluster.vq import kmeans2

from emergelaw.metric import Factor

COMPONENTS = 8  # at most; each needs some draws per dimension to know its shape
DEGREES = 6.0  # of freedom beyond the dimension: heavier tails than the posterior, at the distance where its draws lie
BROAD = 0.2  # weight of the component that covers all draws


class Mixture(NamedTuple):
    """One Student mixture per task block, padded to the widest block."""

    log_weight: jax.Array  # (block, component)
    mean: jax.Array  # (block, component, width)
    factor: Factor  # (block, component, width, width)
    size: jax.Array  # (block,) true width


def fit(draws: np.ndarray, rows: np.ndarray, seed: int) -> Mixture:
    """Fit the mixtures to draws (n, dim) for the blocks of flat indices `rows`."""
    width, parts = rows.shape[1], []
    for row in rows:
        parts.append(_fit_block(draws[:, row[row >= 0]], width, seed))
    weight, mean, factor = (np.stack([p[i] for p in parts]) for i in range(3))
    return Mixture(jnp.log(weight), jnp.asarray(mean), Factor.of(factor), jnp.asarray((rows >= 0).sum(1)))


def _fit_block(x: np.ndarray, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size, m = x.shape
    spread = x.std(0) + 1e-9
    wanted = int(np.clip(size // (8 * m), 1, COMPONENTS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty cluster is fine: the broad component covers it
        _, label = kmeans2(x / spread, wanted, minit="++", seed=seed)
    groups = [x] + [x[label == i] for i in range(COMPONENTS)]
    mean, factor = np.zeros((len(groups), width)), np.tile(np.eye(width), (len(groups), 1, 1))
    for i, group in enumerate(groups):
        centre = group.mean(0) if len(group) else x.mean(0)
        own = np.cov(group.T).reshape(m, m) if len(group) > 1 else np.zeros((m, m))
        keep = len(group) / (len(group) + 2.0 * m)
        floor = np.diag((0.3 * spread) ** 2)  # what a small group does not know of its own width
        mean[i, :m], factor[i, :m, :m] = centre, np.linalg.cholesky(keep * own + (1 - keep) * floor + 1e-9 * np.eye(m))
    share = np.array([size * BROAD / (1 - BROAD)] + [len(g) + 1e-9 for g in groups[1:]])
    return share / share.sum(), mean, factor


def propose(mixture: Mixture, key: jax.Array) -> jax.Array:
    """Draw one proposal per block, (block, width)."""
    pick_key, normal_key, scale_key = jax.random.split(key, 3)
    blocks, _, width = mixture.mean.shape
    pick = jax.random.categorical(pick_key, mixture.log_weight)
    rows = jnp.arange(blocks)
    degrees = (DEGREES + mixture.size)[:, None]
    scale = jnp.sqrt(degrees / (2 * jax.random.gamma(scale_key, degrees / 2)))
    step = jnp.einsum(
        "bij,bj->bi", jnp.asarray(mixture.factor.lower)[rows, pick], jax.random.normal(normal_key, (blocks, width))
    )
    return mixture.mean[rows, pick] + scale * step


def log_density(mixture: Mixture, x: jax.Array) -> jax.Array:
    """Return the log proposal density of x (block, width); padded elements do not count."""
    inside = jnp.arange(x.shape[1]) < mixture.size[:, None]
    away = jnp.where(inside[:, None], x[:, None] - mixture.mean, 0.0)
    solved = jnp.einsum("bcij,bcj->bci", mixture.factor.inverse, away)
    log_det = jnp.where(inside[:, None], jnp.log(jnp.diagonal(mixture.factor.lower, axis1=-2, axis2=-1)), 0.0).sum(-1)
    m, degrees = mixture.size[:, None], (DEGREES + mixture.size)[:, None]
    log_t = (
        gammaln((degrees + m) / 2)
        - gammaln(degrees / 2)
        - 0.5 * m * jnp.log(degrees * jnp.pi)
        - log_det
        - 0.5 * (degrees + m) * jnp.log1p((solved**2).sum(-1) / degrees)
    )
    return logsumexp(mixture.log_weight + log_t, axis=1)
