"""From a law to draws: dispersed starts, adaptation shared by the chains, and sampling until the draws suffice."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from emergelaw import jumps
from emergelaw.adoption import adopted
from emergelaw.diagnostics import rhat_and_ess
from emergelaw.nuts import SWEEPS, WINDOW, Info, Kernel, State, Tuning
from emergelaw.target import Inputs, Target

FIRST_STEP = np.log(0.1)
PROBES = 30  # random vectors that estimate a curvature
WARMUP = (  # windows of WINDOW draws, tree depth, whether to choose the centring anew from what they saw
    (1, 6, False),
    (1, 6, False),
    (2, 6, True),
    (3, 7, True),
    (4, 8, True),
    (5, 9, True),
    (6, 10, False),
    (4, 10, False),
)
SETTLED = 5  # warm-up windows after which draws count as draws from the posterior
ROUND = 10  # windows until the first look at the diagnostics; later looks are further apart
ACCEPT, CAREFUL = 0.95, (0.98, 0.995)  # acceptance that the step size aims at, at first and after trouble
PILOT = 1000  # draws per chain that are enough to tell trouble; then they become warm-up for what follows
NEAR_RHAT = 1.05  # of chains that only need more draws
OFTEN = 0.1  # share of redrawn rises that are accepted, above which trees leave the rise of a task alone
HIDDEN = ("_raw", "_loc", "_scale", "_free")  # sites that are coordinates, not quantities
GOAL_RHAT, GOAL_ESS = 1.01, 400
Progress = Callable[[str, int, int], None]


@dataclass
class Draws:
    """Everything the chains produced: values (chain, draw, …), sample statistics, and what it cost."""

    values: dict[str, np.ndarray]
    potential: np.ndarray
    diverging: np.ndarray
    leapfrogs: np.ndarray
    jumped: np.ndarray
    redrawn: np.ndarray
    gradients: int
    rhat: dict[str, np.ndarray]
    ess: dict[str, np.ndarray]
    seconds: dict[str, float]

    @property
    def max_rhat(self) -> float:
        return max(float(v.max()) for v in self.rhat.values())

    @property
    def min_ess(self) -> float:
        return min(float(v.min()) for v in self.ess.values())

    @property
    def enough(self) -> bool:
        return self.max_rhat <= GOAL_RHAT and self.min_ess >= GOAL_ESS


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
        joined = _in_sequence([jax.tree.map(lambda *parts: np.stack(parts), *row) for row in seen])
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


@dataclass
class Seen:
    """The draws of one tuning, round by round."""

    rounds: list[Info] = field(default_factory=list)
    values: list[dict[str, np.ndarray]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(one.potential.shape[1] for one in self.rounds)

    @property
    def joined(self) -> Info:
        return _in_sequence(self.rounds)

    @property
    def joined_values(self) -> dict[str, np.ndarray]:
        return _in_sequence(self.values)


def _in_sequence(parts: list[Any]) -> Any:
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


def _begin(kernel: Kernel, inputs: Inputs, seed: int, chains: int) -> Chains:
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
        accept=ACCEPT,
    )
    states = [kernel.start(jnp.asarray(z), FIRST_STEP, tuning) for z in modes]
    return Chains(kernel, tuning, states, list(keys[chains:]), spent)


def _curvature_scale(kernel: Kernel, inputs: Inputs, modes: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return 1/√curvature of every element, averaged over the modes."""
    signs = jnp.asarray(np.random.default_rng(seed).choice([-1.0, 1.0], (PROBES, kernel.target.dim)))
    found = [np.asarray(kernel.curvature(jnp.asarray(z), signs, inputs)) for z in modes]
    return np.mean([1 / np.sqrt(np.clip(np.abs(curvature), 0.1, None)) for curvature in found], axis=0)


def sample(
    target: Target,
    seed: int = 0,
    chains: int = 4,
    max_draws: int = 4000,
    progress: Progress = lambda *_: None,
    kernel: Kernel | None = None,
) -> Draws:
    """Draw until every quantity has r-hat ≤ 1.01 and bulk ESS ≥ 400, or max_draws per chain.

    `kernel` may be one that was compiled for the same law and design with other counts.
    """
    began = time.perf_counter()
    run = _begin(kernel or Kernel(target), target.inputs, seed, chains)
    run.advance(1, True, 1, lambda: None)  # compiles
    compiled = time.perf_counter()
    _warm_up(run, progress)
    warmed = time.perf_counter()
    draws = _sample_until_enough(run, max_draws, progress)
    draws.seconds = {"compile": compiled - began, "warmup": warmed - compiled, "sample": time.perf_counter() - warmed}
    return draws


def _warm_up(run: Chains, progress: Progress) -> None:
    total, done = sum(w for w, _, _ in WARMUP), 0
    for position, (windows, depth, choose) in enumerate(WARMUP):

        def tick() -> None:
            nonlocal done
            done += 1
            progress("warm-up", done * WINDOW, total * WINDOW)

        seen = run.advance(windows, True, depth, tick)
        if position < len(WARMUP) - 1:
            early = position < SETTLED
            run.adapt(seen, choose, settled=not early)


def _sample_until_enough(run: Chains, max_draws: int, progress: Progress) -> Draws:
    """Sample; as often as that shows trouble, learn from it what warm-up missed, and begin anew with shorter steps."""
    for accept in CAREFUL:
        seen = Seen()
        draws = _sample(run, seen, max_draws, progress, troubled)
        if not troubled(draws) or draws.potential.shape[1] >= max_draws:
            return draws
        run.tuning = run.tuning._replace(accept=accept)
        run.adapt(seen.joined, choose_centring=True)
        run.advance(WARMUP[-1][0], True, 10, lambda: None)
    return _sample(run, Seen(), max_draws, progress, lambda _: False)


def troubled(draws: Draws) -> bool:
    """Whether draws enough to tell show more than that they are few."""
    told = draws.enough or draws.potential.shape[1] >= PILOT
    return told and bool(draws.diverging.any() or draws.max_rhat > NEAR_RHAT)


def _sample(run: Chains, seen: Seen, max_draws: int, progress: Progress, give_up: Callable[[Draws], bool]) -> Draws:
    """Sample until the draws suffice, are given up, or number max_draws per chain."""

    def tick() -> None:
        nonlocal done
        done += WINDOW
        progress("sampling", done, max_draws)

    done = 0
    while True:
        windows = min(max(ROUND, done // WINDOW // 3), max(1, (max_draws - done) // WINDOW))
        seen.rounds.append(run.advance(windows, False, 10, tick))
        per_chain = [jax.tree.map(np.asarray, run.kernel.values(z, run.tuning.inputs)) for z in seen.rounds[-1].z]
        seen.values.append({k: np.stack([v[k] for v in per_chain]) for k in per_chain[0] if not k.endswith(HIDDEN)})
        draws = _collect(run, seen)
        if draws.enough or done >= max_draws or give_up(draws):
            return draws
        run.learn_jumps(seen.joined.z)  # ever more rarely, so that it ends as a fixed proposal


def _collect(run: Chains, seen: Seen) -> Draws:
    joined, told = seen.joined_values, seen.joined
    flat = {k: v.reshape(*v.shape[:2], -1) for k, v in joined.items()}
    rhat, ess = rhat_and_ess(np.concatenate(list(flat.values()), axis=-1))
    ends = np.cumsum([v.shape[-1] for v in flat.values()])[:-1]
    return Draws(
        values=joined,
        **{name: value for name, value in told._asdict().items() if name != "z"},
        gradients=run.gradients,
        rhat=dict(zip(flat, np.split(rhat, ends), strict=True)),
        ess=dict(zip(flat, np.split(ess, ends), strict=True)),
        seconds={},
    )
