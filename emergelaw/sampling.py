"""From a law to draws: warm-up, sampling until the draws suffice, and what is done where they show trouble."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np

from emergelaw.chains import Chains, in_sequence
from emergelaw.diagnostics import rhat_and_ess
from emergelaw.nuts import WINDOW, Info, Kernel
from emergelaw.starts import begin
from emergelaw.target import Target

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
class Seen:
    """The draws of one tuning, round by round."""

    rounds: list[Info] = field(default_factory=list)
    values: list[dict[str, np.ndarray]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(one.potential.shape[1] for one in self.rounds)

    @property
    def joined(self) -> Info:
        return in_sequence(self.rounds)

    @property
    def joined_values(self) -> dict[str, np.ndarray]:
        return in_sequence(self.values)


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
    run = begin(kernel or Kernel(target), target.inputs, seed, chains, ACCEPT)
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
