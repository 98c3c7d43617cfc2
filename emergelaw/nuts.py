"""NumPyro's no-U-turn trajectories on a flat density, in windows of one compiled program that all chains share."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.infer.hmc_util import (
    IntegratorState,
    build_tree,
    dual_averaging,
    euclidean_kinetic_energy,
    velocity_verlet,
)

from emergelaw import jumps
from emergelaw.metric import Array, Blocks
from emergelaw.target import Inputs, Target

WINDOW = 25  # draws per call: one compiled length for warm-up, sampling and progress
MAX_DEPTH = 10
SWEEPS = 4  # over all tasks before every tree, at the cost of as many densities
_init_step, _update_step = dual_averaging(t0=10, kappa=0.75, gamma=0.05)


class State(NamedTuple):
    """One chain, in whitened coordinates."""

    y: jax.Array
    potential: jax.Array
    gradient: jax.Array
    step: tuple  # dual averaging; [0] is the log step now, [1] its average


class Info(NamedTuple):
    """What each draw reports: JAX arrays while compiled, NumPy arrays afterwards."""

    z: Any
    potential: Any
    leapfrogs: Any
    diverging: Any
    jumped: Any  # (task,) share of the sweeps that replaced the task's parameters


class Kernel:
    """Compiled once per target; metric and inputs are arguments, so changing them costs no compilation."""

    def __init__(self, target: Target):
        self.target, self.blocks = target, Blocks(target.blocks)
        self.advance = jax.jit(self._advance)
        self.evaluate = jax.jit(jax.value_and_grad(self._whitened))
        self.downhill = jax.jit(jax.value_and_grad(target.potential))
        self.curvature = jax.jit(self._curvature)
        self.gradients = jax.jit(lambda z, c: jax.lax.map(lambda one: jax.grad(target.potential)(one, c), z))
        self.values = jax.jit(lambda z, c: jax.lax.map(lambda one: target.values(one, c), z))
        self.recentre = jax.jit(lambda z, old, new: jax.lax.map(lambda one: target.recentre(one, old, new), z))

    def _whitened(self, y: jax.Array, factor: jax.Array, inputs: Inputs) -> jax.Array:
        return self.target.potential(self.blocks.unwhiten(y, factor), inputs)

    def _curvature(self, z: jax.Array, signs: jax.Array, inputs: Inputs) -> jax.Array:
        """Return the diagonal of the Hessian at z, estimated with random signs (probe, dim)."""
        slope = partial(jax.grad(self.target.potential), c=inputs)
        return jax.lax.map(lambda v: v * jax.jvp(slope, (z,), (v,))[1], signs).mean(0)

    def start(self, y: jax.Array, log_step: float, factor: Array, inputs: Inputs) -> State:
        potential, gradient = self.evaluate(y, factor, inputs)
        blank = _init_step(log_step)  # begins at step size 1 whatever it is told
        return State(y, potential, gradient, (jnp.asarray(log_step), jnp.asarray(log_step), *blank[2:]))

    def _jump(self, y: jax.Array, key: jax.Array, factor: jax.Array, inputs: Inputs, mixture: jumps.Mixture):
        """Propose all tasks anew, accept each on its own; returns the new y and what was accepted."""
        propose_key, accept_key = jax.random.split(key)
        z = self.blocks.unwhiten(y, factor)
        rows = jnp.asarray(self.blocks.rows[:-1])
        inside, now = rows >= 0, jnp.where(rows >= 0, z[jnp.maximum(rows, 0)], 0.0)
        new = jnp.where(inside, jumps.propose(mixture, propose_key), 0.0)

        def with_tasks(blocks: jax.Array) -> jax.Array:
            return self.blocks.join(jnp.concatenate([blocks, z[jnp.maximum(self.blocks.rows[-1:], 0)]]))

        gain = self.target.by_task(with_tasks(new), inputs) - self.target.by_task(z, inputs)
        gain = gain + jumps.log_density(mixture, now) - jumps.log_density(mixture, new)
        accepted = jnp.log(jax.random.uniform(accept_key, gain.shape)) < jnp.nan_to_num(gain, nan=-jnp.inf)
        return self.blocks.whiten(with_tasks(jnp.where(accepted[:, None], new, now)), factor), accepted

    def _advance(
        self, state: State, key: jax.Array, factor: jax.Array, inputs: Inputs, mixture, adapt: bool, depth: int, accept
    ):
        """Return the state after WINDOW draws, and what they report."""
        density = partial(self._whitened, factor=factor, inputs=inputs)
        _, leap = velocity_verlet(density, euclidean_kinetic_energy)
        unit = jnp.ones_like(state.y)

        def draw(state: State, key: jax.Array) -> tuple[State, Info]:
            momentum_key, tree_key, jump_key = jax.random.split(key, 3)
            sweep = partial(self._jump, factor=factor, inputs=inputs, mixture=mixture)
            y, accepted = jax.lax.scan(sweep, state.y, jax.random.split(jump_key, SWEEPS))
            potential, gradient = jax.value_and_grad(density)(y)
            state = State(y, potential, gradient, state.step)
            momentum = jax.random.normal(momentum_key, unit.shape)
            log_step = jnp.where(adapt, state.step[0], state.step[1])
            here = IntegratorState(state.y, momentum, state.potential, state.gradient)
            tree = build_tree(
                leap,
                euclidean_kinetic_energy,
                here,
                unit,
                jnp.exp(log_step),
                tree_key,
                max_tree_depth=(depth, MAX_DEPTH),
            )
            moved = _update_step(accept - tree.sum_accept_probs / tree.num_proposals, state.step)
            step = jax.tree.map(partial(jnp.where, adapt), moved, state.step)
            info = Info(
                self.blocks.unwhiten(tree.z_proposal, factor),
                tree.z_proposal_pe,
                tree.num_proposals,
                tree.diverging,
                accepted.mean(0),
            )
            return State(tree.z_proposal, tree.z_proposal_pe, tree.z_proposal_grad, step), info

        return jax.lax.scan(draw, state, jax.random.split(key, WINDOW))
