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
from emergelaw.metric import Blocks, Factor
from emergelaw.target import ByTask, Inputs, Target

WINDOW = 25  # draws per call: one compiled length for warm-up, sampling and progress
MAX_DEPTH = 10
SWEEPS = 4  # over all tasks before every tree: one jump and one draw from the prior each
_init_step, _update_step = dual_averaging(t0=10, kappa=0.75, gamma=0.05)


class State(NamedTuple):
    """One chain, in whitened coordinates."""

    y: jax.Array
    potential: jax.Array
    gradient: jax.Array
    step: tuple  # dual averaging; [0] is the log step now, [1] its average


class Place(NamedTuple):
    """A point, and its log densities by task."""

    z: jax.Array
    density: ByTask


class Tuning(NamedTuple):
    """What the chains learned together and share: arguments of the compiled program, so that learning is cheap."""

    inputs: Inputs  # centrings of the law, and its data
    factor: Factor  # of the metric
    mixture: jumps.Mixture
    moves: Any  # (dim,) 1 what trees move, 0 what is left to jumps and draws from the prior
    accept: Any  # acceptance that the step size aims at


class Info(NamedTuple):
    """What each draw reports: JAX arrays while compiled, NumPy arrays afterwards."""

    z: Any
    potential: Any
    leapfrogs: Any
    diverging: Any
    jumped: Any  # (task,) share of the jumps that replaced the task's parameters
    redrawn: Any  # (task,) share of the draws from the prior that replaced its rise


class Kernel:
    """Compiled once per target."""

    def __init__(self, target: Target):
        self.target, self.blocks = target, Blocks(target.blocks)
        self.advance = jax.jit(self._advance)
        self.evaluate = jax.jit(jax.value_and_grad(self._whitened))
        self.downhill = jax.jit(jax.value_and_grad(target.potential))
        self.curvature = jax.jit(self._curvature)
        self.by_task = jax.jit(target.by_task)
        self.gradients = jax.jit(lambda z, c: jax.lax.map(lambda one: jax.grad(target.potential)(one, c), z))
        self.values = jax.jit(lambda z, c: jax.lax.map(lambda one: target.values(one, c), z))
        self.recentre = jax.jit(lambda z, old, new: jax.lax.map(lambda one: target.recentre(one, old, new), z))

    def _whitened(self, y: jax.Array, factor: Factor, inputs: Inputs) -> jax.Array:
        return self.target.potential(self.blocks.unwhiten(y, factor), inputs)

    def _curvature(self, z: jax.Array, signs: jax.Array, inputs: Inputs) -> jax.Array:
        """Return the diagonal of the Hessian at z, estimated with random signs (probe, dim)."""
        slope = partial(jax.grad(self.target.potential), c=inputs)
        return jax.lax.map(lambda v: v * jax.jvp(slope, (z,), (v,))[1], signs).mean(0)

    def start(self, z: jax.Array, log_step: float, tuning: Tuning) -> State:
        y = self.blocks.whiten(z, tuning.factor)
        potential, gradient = self.evaluate(y, tuning.factor, tuning.inputs)
        blank = _init_step(log_step)  # begins at step size 1 whatever it is told
        return State(y, potential, gradient, (jnp.asarray(log_step), jnp.asarray(log_step), *blank[2:]))

    def _jump(self, at: Place, key: jax.Array, tuning: Tuning) -> tuple[Place, jax.Array]:
        """Propose all tasks anew; returns the new place and which were accepted."""
        propose_key, accept_key = jax.random.split(key)
        now = self._tasks(at.z)
        new = jnp.where(self.blocks.rows[:-1] >= 0, jumps.propose(tuning.mixture, propose_key), 0.0)
        there = self._place(self._with_tasks(new, at.z), tuning)
        drift = jumps.log_density(tuning.mixture, now) - jumps.log_density(tuning.mixture, new)
        return self._choose(at, there, there.density.joint - at.density.joint + drift, accept_key)

    def _redraw(self, at: Place, key: jax.Array, tuning: Tuning) -> tuple[Place, jax.Array]:
        """Draw the rises of all tasks from their prior; returns the new place and which were accepted.

        A task that does not rise changes so between its explanations: it never will, or has not yet.
        """
        propose_key, accept_key = jax.random.split(key)
        there = self._place(self.target.redraw(at.z, propose_key, tuning.inputs), tuning)
        return self._choose(at, there, there.density.likelihood - at.density.likelihood, accept_key)

    def _choose(self, at: Place, there: Place, gain: jax.Array, key: jax.Array) -> tuple[Place, jax.Array]:
        """Move those tasks whose gain is accepted: given all that is shared, tasks are independent."""
        accepted = jnp.log(jax.random.uniform(key, gain.shape)) < jnp.nan_to_num(gain, nan=-jnp.inf)
        tasks = jnp.where(accepted[:, None], self._tasks(there.z), self._tasks(at.z))
        density = jax.tree.map(partial(jnp.where, accepted), there.density, at.density)
        return Place(self._with_tasks(tasks, at.z), density), accepted

    def _place(self, z: jax.Array, tuning: Tuning) -> Place:
        return Place(z, self.target.by_task(z, tuning.inputs))

    def _sweep(self, at: Place, key: jax.Array, tuning: Tuning) -> tuple[Place, tuple[jax.Array, jax.Array]]:
        jump_key, redraw_key = jax.random.split(key)
        at, jumped = self._jump(at, jump_key, tuning)
        at, redrawn = self._redraw(at, redraw_key, tuning)
        return at, (jumped, redrawn)

    def _tasks(self, z: jax.Array) -> jax.Array:
        """Return the blocks of all tasks, zero where padded."""
        return self.blocks.split(z)[:-1]

    def _with_tasks(self, blocks: jax.Array, z: jax.Array) -> jax.Array:
        """Return z with other blocks for all tasks."""
        return self.blocks.join(jnp.concatenate([blocks, self.blocks.split(z)[-1:]]))

    def _advance(self, state: State, key: jax.Array, tuning: Tuning, adapt: bool, depth: int) -> tuple[State, Info]:
        """Return the state after WINDOW draws, and what they report."""
        density = partial(self._whitened, factor=tuning.factor, inputs=tuning.inputs)
        _, leap = velocity_verlet(density, euclidean_kinetic_energy)
        sweep = partial(self._sweep, tuning=tuning)

        def draw(state: State, key: jax.Array) -> tuple[State, Info]:
            momentum_key, tree_key, sweep_key = jax.random.split(key, 3)
            z = self.blocks.unwhiten(state.y, tuning.factor)
            at, (jumped, redrawn) = jax.lax.scan(sweep, self._place(z, tuning), jax.random.split(sweep_key, SWEEPS))
            y = self.blocks.whiten(at.z, tuning.factor)
            potential, gradient = jax.value_and_grad(density)(y)
            log_step = jnp.where(adapt, state.step[0], state.step[1])
            tree = build_tree(
                leap,
                euclidean_kinetic_energy,
                IntegratorState(y, jax.random.normal(momentum_key, y.shape), potential, gradient),
                tuning.moves,  # inverse mass: what is held is infinitely heavy
                jnp.exp(log_step),
                tree_key,
                max_tree_depth=(depth, MAX_DEPTH),
            )
            moved = _update_step(tuning.accept - tree.sum_accept_probs / tree.num_proposals, state.step)
            step = jax.tree.map(partial(jnp.where, adapt), moved, state.step)
            info = Info(
                self.blocks.unwhiten(tree.z_proposal, tuning.factor),
                tree.z_proposal_pe,
                tree.num_proposals,
                tree.diverging,
                jumped.mean(0),
                redrawn.mean(0),
            )
            return State(tree.z_proposal, tree.z_proposal_pe, tree.z_proposal_grad, step), info

        return jax.lax.scan(draw, state, jax.random.split(key, WINDOW))
