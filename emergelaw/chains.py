"""Chains that advance side by side, and what they learn together: centring, metric, jumps, what trees move."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emergelaw import jumps
from emergelaw.adoption import adopted
from emergelaw.nuts import SWEEPS, Info, Kernel, State, Tuning
from emergelaw.target import Inputs

FIRST_STEP = np.log(0.1)
OFTEN = 0.1  # share of redrawn rises that are accepted, above which trees leave the rise of a task alone


@dataclass
class Chains:
    """Chains that advance side by side in threads and share what they learned."""

    kernel: Kernel
    tuning: Tuning
    states: list[State]
    keys: list[jax.Array]
    gradients: int = 0
    history: list[np.ndarray] = field(default_factory=list)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(os.cpu_count()))

    def advance(self, windows: int, adapt: bool, depth: int, progress: Callable[[], None]) -> Info:
        """Move every chain by some windows and return what their draws report, (chain, draw, …)."""
        seen = []
        for _ in range(windows):
            seen.append(list(self.pool.map(lambda i: self._window(i, adapt, depth), range(len(self.states)))))
            progress()
        joined = in_sequence([jax.tree.map(lambda *parts: np.stack(parts), *row) for row in seen])
        self.gradients += int(joined.leapfrogs.sum()) + (1 + SWEEPS) * joined.leapfrogs.size  # as dear as a sweep
        return joined

    def _window(self, i: int, adapt: bool, depth: int) -> Info:
        self.keys[i], key = jax.random.split(self.keys[i])
        self.states[i], info = self.kernel.advance(self.states[i], key, self.tuning, adapt, depth)
        return jax.tree.map(np.asarray, info)

    def adapt(self, seen: Info, choose_centring: bool = False, settled: bool = True) -> None:
        """Learn centring (if asked), metric, jumps and what trees move from draws; restart the step size.

        Once settled, what was learned from before is kept: rare explanations must not be forgotten by a later window.
        """
        z = seen.z if settled else seen.z[:, seen.z.shape[1] // 3 :]
        inputs, log_steps = self.tuning.inputs, [float(s.step[0]) for s in self.states]
        if choose_centring:
            inputs, z, log_steps = *self._centred(z), [FIRST_STEP] * len(z)
        self.history = [*self.history, z] if settled and not choose_centring else [z]
        z = np.concatenate(self.history, axis=1)
        gradients = np.stack([self.kernel.gradients(chain, inputs) for chain in z])
        self.tuning = self.tuning._replace(
            inputs=inputs,
            factor=self.kernel.blocks.adapted(z, gradients),
            moves=moved_by_trees(self.kernel, seen.redrawn.mean((0, 1))) if settled else self.tuning.moves,
        )
        self.learn_jumps(z[:, :0])
        ends = zip(z[:, -1], log_steps, strict=True)
        self.states = [self.kernel.start(jnp.asarray(end), step, self.tuning) for end, step in ends]

    def _centred(self, z: np.ndarray) -> tuple[Inputs, np.ndarray]:
        """Return a new centring and the draws in it; the last one of each chain may have adopted from others."""

        def recentred(z: np.ndarray, old: Inputs, new: Inputs) -> np.ndarray:
            return np.stack([self.kernel.recentre(chain, old, new) for chain in z])

        now = self.tuning.inputs
        plain = now | {name: jnp.ones_like(now[name]) for name in self.kernel.target.effects}  # effects themselves
        new = now | centring_of(self.kernel, z, now)
        z = recentred(z, now, plain)
        z[:, -1] = adopted(self.kernel, z, plain)
        return new, recentred(z, plain, new)

    def learn_jumps(self, z: np.ndarray) -> None:
        """Fit the proposals of jumps to draws z (chain, draw, dim) and those that warm-up learned from."""
        known = np.concatenate([*self.history, z], axis=1).reshape(-1, z.shape[-1])
        self.tuning = self.tuning._replace(mixture=jumps.fit(known, self.kernel.blocks.rows[:-1], 0))


def in_sequence(parts: list[Any]) -> Any:
    """Return equal trees of arrays (chain, draw, …), joined along the draws."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=1), *parts)


def moved_by_trees(kernel: Kernel, redrawn: np.ndarray) -> jax.Array:
    """Return 0 for the rises of tasks that are redrawn often, those that do not rise, and 1 for all else.

    Their onsets stand before a wall, the last checkpoint, which would make every step of every tree short.
    """
    often = kernel.blocks.rows[:-1][redrawn > OFTEN]
    return jnp.asarray(~(kernel.target.rises & np.isin(np.arange(kernel.target.dim), often)), float)


def centring_of(kernel: Kernel, z: np.ndarray, now: Inputs) -> Inputs:
    """Return 1 − (posterior variance / prior variance) of every effect: centred where the data pin it, else not.

    The prior variance is a low quantile: a scale that may be near zero must not be centred on, it would be a funnel.
    Where effects differ more than their scale says, that scale is still on its way, and how they differ counts.
    Chains vote, so that one that is still on its way does not decide.
    """
    seen = [kernel.values(jnp.asarray(chain), now) for chain in z]

    def share(name: str, of: dict[str, jax.Array]) -> np.ndarray:
        value, loc, scale = (np.asarray(of[f"{name}{part}"]) for part in ("", "_loc", "_scale"))
        differ = np.sqrt(np.mean((value - loc) ** 2, axis=1, keepdims=True))
        prior = np.quantile(np.maximum(scale, differ), 0.05, axis=0) ** 2
        return np.clip(1 - np.var(value, axis=0) / prior, 0.0, 1.0)

    chosen = {name: np.median([share(name, s) for s in seen], axis=0) for name in kernel.target.effects}
    return {name: jnp.asarray(np.ones_like(c) if name in kernel.target.centred else c) for name, c in chosen.items()}
