"""Likelihoods of k correct of n, given the curve's probability p and a dispersion φ = variance / binomial variance."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from emergelaw.errors import InputError, did_you_mean

OUTLIER = 1e-3  # share of checkpoints that may be anything: bounds what one of them can do to a curve
LOGISTIC_SD = math.pi / math.sqrt(3.0)  # standard deviation of the standard logistic


@dataclass(frozen=True)
class Likelihood:
    """A distribution on 0 … n: log probability of k, and random draws (NumPy generator first)."""

    name: str
    sentence: str
    log_prob: Callable[..., Any]
    draw: Callable[..., np.ndarray]
    has_dispersion: bool


def _scale(n, p, dispersion):
    return jnp.sqrt(dispersion * n * p * (1 - p)) / LOGISTIC_SD


def _rounded_logistic(k, n, p, dispersion):
    """A logistic variable of mean np and variance φ·np(1−p), rounded to a count: exact, normalised, any φ > 0.

    Because it is a probability and not a density, a perfect fit cannot drive φ to zero. One checkpoint in a thousand
    may be anything, so that a single outlier (a prompt format that broke, a label that flipped) moves no curve.
    """
    s = _scale(n, p, dispersion)
    away, half = jnp.abs(k - n * p) / s, 0.5 / s
    inside = (k > 0) & (k < n)
    far = jnp.exp(-jnp.abs(away - half))
    tail, core = jnp.where(away > half, 1.0, far), jnp.where(away > half, far, 1.0)
    # inside: σ(a + h) − σ(a − h) = sinh h / (cosh a + cosh h); at 0 and n: σ(h − a), the same without the small terms
    x, y = (jnp.where(inside, jnp.exp(-2 * v), 0.0) for v in (away, half))
    probability = core * (1 - y) / (tail * (1 + x) + core * (1 + y))
    return jnp.log((1 - OUTLIER) * probability + OUTLIER / (n + 1))


def _draw_rounded_logistic(rng, n, p, dispersion):
    latent = rng.logistic(n * p, np.sqrt(dispersion * n * p * (1 - p)) / LOGISTIC_SD)
    anything = rng.integers(0, np.broadcast_to(n, latent.shape) + 1)
    outlying = rng.random(latent.shape) < OUTLIER
    return np.where(outlying, anything, np.clip(np.rint(latent), 0, n)).astype(np.int64)


def _log_choose(k, n):
    return jsp.gammaln(n + 1.0) - jsp.gammaln(k + 1.0) - jsp.gammaln(n - k + 1.0)


def _binomial(k, n, p, dispersion=None):
    return _log_choose(k, n) + k * jnp.log(p) + (n - k) * jnp.log1p(-p)


def _draw_binomial(rng, n, p, dispersion=None):
    return rng.binomial(n, p)


def _concentration(n, dispersion):
    """The Beta precision whose beta-binomial has dispersion φ = 1 + (n−1)/(c+1); φ lives in (1, n)."""
    excess = jnp.clip(dispersion - 1.0, 1e-4, None)  # nearer to binomial, lgamma cancels
    return jnp.clip((n - 1.0) / excess - 1.0, 1e-3, 1e9)


def _beta_binomial(k, n, p, dispersion):
    c = _concentration(n, dispersion)
    a, b = c * p, c * (1 - p)
    return (
        _log_choose(k, n)
        + jsp.gammaln(k + a)
        - jsp.gammaln(a)
        + jsp.gammaln(n - k + b)
        - jsp.gammaln(b)
        + jsp.gammaln(c)
        - jsp.gammaln(n + c)
    )


def _draw_beta_binomial(rng, n, p, dispersion):
    c = np.asarray(_concentration(n, dispersion))
    return rng.binomial(n, rng.beta(c * p, c * (1 - p)))


LIKELIHOODS = {
    one.name: one
    for one in (
        Likelihood(
            "dispersed",
            "counts with a dispersion free on both sides of 1, robust to outlying checkpoints",
            _rounded_logistic,
            _draw_rounded_logistic,
            True,
        ),
        Likelihood(
            "binomial", "independent items at every checkpoint (dispersion 1)", _binomial, _draw_binomial, False
        ),
        Likelihood(
            "beta-binomial",
            "over-dispersed counts (dispersion above 1 only)",
            _beta_binomial,
            _draw_beta_binomial,
            True,
        ),
    )
}


def likelihood(name: str) -> Likelihood:
    """Return the likelihood of this name."""
    if name not in LIKELIHOODS:
        raise InputError(
            f"expected a likelihood among {', '.join(LIKELIHOODS)}, got {name!r}{did_you_mean(name, LIKELIHOODS)}"
        )
    return LIKELIHOODS[name]
