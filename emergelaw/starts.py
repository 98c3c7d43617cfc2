"""Where chains begin: downhill from draws from the prior, far apart, and a first idea of how wide everything is."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from emergelaw import jumps
from emergelaw.chains import FIRST_STEP, Chains
from emergelaw.nuts import Kernel, Tuning
from emergelaw.target import Inputs

PROBES = 30  # random vectors that estimate a curvature


def begin(kernel: Kernel, inputs: Inputs, seed: int, chains: int, accept: float) -> Chains:
    """Start every chain downhill from its own draw from the prior.

    Scales are held first: as long as no effect is where it belongs, the way down is to have none.
    """
    keys = jax.random.split(jax.random.key(seed), 2 * chains)
    free = ~kernel.target.scales

    def held(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, gradient = kernel.downhill(z, inputs)
        return value, gradient * free

    modes, spent = [], 0
    for key in keys[:chains]:
        z = np.asarray(kernel.target.prior_draw(key))
        for slope in (held, lambda z: kernel.downhill(z, inputs)):
            z, count = descend(slope, z)
            spent += count
        modes.append(z)
    tuning = Tuning(
        inputs,
        factor=kernel.blocks.diagonal(_curvature_scale(kernel, inputs, modes, seed)),
        mixture=jumps.fit(np.array(modes), kernel.blocks.rows[:-1], seed),
        moves=jnp.ones(kernel.target.dim),
        accept=accept,
    )
    states = [kernel.start(jnp.asarray(z), FIRST_STEP, tuning) for z in modes]
    return Chains(kernel, tuning, states, list(keys[chains:]), spent)


def descend(potential_and_gradient: Callable, z: np.ndarray, iterations: int = 400) -> tuple[np.ndarray, int]:
    """Return a point far down from z, and the gradients it took; a failed line search is retried with fresh memory."""

    def fun(v: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = potential_and_gradient(jnp.asarray(v))
        return (float(value) if np.isfinite(value) else 1e15), np.nan_to_num(np.asarray(gradient))

    spent = 0
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 20}
    for _ in range(4):
        found = minimize(fun, z, jac=True, method="L-BFGS-B", options=options)
        z, spent = found.x, spent + found.nfev
        if found.status != 2:  # abnormal end of a line search
            break
    return z, spent


def _curvature_scale(kernel: Kernel, inputs: Inputs, modes: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return 1/√curvature of every element, averaged over the modes."""
    signs = jnp.asarray(np.random.default_rng(seed).choice([-1.0, 1.0], (PROBES, kernel.target.dim)))
    found = [np.asarray(kernel.curvature(jnp.asarray(z), signs, inputs)) for z in modes]
    return np.mean([1 / np.sqrt(np.clip(np.abs(curvature), 0.1, None)) for curvature in found], axis=0)
