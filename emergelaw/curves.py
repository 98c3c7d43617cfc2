"""Curve families: how a capability rises from its floor (0) to its ceiling (1).

Every family is a small record of pure functions of u = (x − onset) / width and shares one meaning of its parameters:
the rise is half done at u = 0, and goes from 10 % to 90 % within one unit of u. All work on NumPy and JAX arrays.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from emergelaw.errors import InputError, did_you_mean

LN2 = math.log(2.0)
LOGISTIC_RATE = 2 * math.log(9.0)
GOMPERTZ_RATE = math.log(math.log(10.0) / math.log(10.0 / 9.0))
STEEP = 60.0  # exponents are clipped here, where every curve has long reached its limit


@dataclass(frozen=True)
class Curve:
    """A family of rises. `rise(u, shape)` maps to [0, 1]; `inverse(q, shape)` is its inverse on (0, 1)."""

    name: str
    sentence: str
    rise: Callable[[Any, Any], Any]
    inverse: Callable[[Any, Any], Any]
    has_shape: bool = False


def _exp(v):
    return jnp.exp(jnp.clip(v, -STEEP, STEEP))


def _logistic(u, shape=None):
    return 1 / (1 + _exp(-LOGISTIC_RATE * u))


def _logistic_inverse(q, shape=None):
    return jnp.log(q / (1 - q)) / LOGISTIC_RATE


def _gompertz(u, shape=None):
    return jnp.exp(-LN2 * _exp(-GOMPERTZ_RATE * u))


def _gompertz_inverse(q, shape=None):
    return -jnp.log(-jnp.log(q) / LN2) / GOMPERTZ_RATE


def _weibull(u, shape=None):
    return -jnp.expm1(-LN2 * _exp(GOMPERTZ_RATE * u))


def _weibull_inverse(q, shape=None):
    return jnp.log(-jnp.log1p(-q) / LN2) / GOMPERTZ_RATE


def _power_excess(q, shape):
    """q^(−shape) − 1, exact also for small shapes."""
    return jnp.expm1(-shape * jnp.log(q))


def _richards_rate(shape):
    return jnp.log(_power_excess(0.1, shape) / _power_excess(0.9, shape))


def _richards(u, shape):
    return jnp.exp(-jnp.log1p(_power_excess(0.5, shape) * _exp(-_richards_rate(shape) * u)) / shape)


def _richards_inverse(q, shape):
    return -jnp.log(_power_excess(q, shape) / _power_excess(0.5, shape)) / _richards_rate(shape)


def _elbow(u, shape=None):
    return jnp.clip(0.5 + 0.8 * u, 0.0, 1.0)


def _elbow_inverse(q, shape=None):
    return (q - 0.5) / 0.8


CURVES = {
    c.name: c
    for c in (
        Curve("logistic", "symmetric rise", _logistic, _logistic_inverse),
        Curve("gompertz", "fast start, slow approach to the ceiling", _gompertz, _gompertz_inverse),
        Curve("weibull", "slow start, fast finish", _weibull, _weibull_inverse),
        Curve(
            "richards", "asymmetry free: Gompertz as shape → 0, logistic at shape 1", _richards, _richards_inverse, True
        ),
        Curve("elbow", "nothing, then straight up, then flat", _elbow, _elbow_inverse),
    )
}


def curve(name: str) -> Curve:
    """Return the family of this name."""
    if name not in CURVES:
        raise InputError(f"expected a curve among {', '.join(CURVES)}, got {name!r}{did_you_mean(name, CURVES)}")
    return CURVES[name]
