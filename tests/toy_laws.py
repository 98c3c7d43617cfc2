"""Laws small enough to know their posterior: the same interface as a trajectory law, other content."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from emergelaw import jumps
from emergelaw.nuts import Kernel, Tuning

APART = 8.0  # of the two modes, in units of their width
WEIGHT = 0.3  # of the mode at -APART / 2


def untuned(kernel: Kernel) -> Tuning:
    """Return a tuning that learned nothing; its jumps propose what no law here accepts."""
    dim, blocks = kernel.target.dim, kernel.blocks
    nowhere = jumps.fit(np.full((4, dim), 1e3), blocks.rows[:-1], 0)
    return Tuning(kernel.target.inputs, blocks.diagonal(np.ones(dim)), nowhere, jnp.ones(dim), 0.9)


class Toy:
    """What `target` asks of a law."""

    def __init__(self, tasks: int = 2):
        self.tasks, self.effects, self.centred, self.rise, self.data = tasks, {}, (), set(), {}
        self.groups = {"shared": np.array(-1), "own": np.arange(tasks), "pull": np.arange(tasks)}


class Gaussian(Toy):
    """own ~ N(shared, 1), each seen once with variance 1: everything is normal, see `posterior`."""

    seen = np.array([1.0, -2.0, 4.0])

    def __call__(self, inputs=None):
        shared = numpyro.sample("shared", dist.Normal(0.0, 2.0))
        with numpyro.plate("task", self.tasks):
            own = numpyro.sample("own", dist.Normal(shared, 1.0))
        numpyro.factor("pull", dist.Normal(own, 1.0).log_prob(self.seen[: self.tasks]))

    @property
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and covariance of (own …, shared), by completing the square."""
        n = self.tasks
        precision = np.eye(n + 1) * 2
        precision[n, n] = 0.25 + n
        precision[n, :n] = precision[:n, n] = -1
        cov = np.linalg.inv(precision)
        return cov @ np.r_[self.seen[:n], 0.0], cov


class TwoModes(Toy):
    """Task 0 has two separate explanations of weight WEIGHT and 1 − WEIGHT; task 1 is plain."""

    def __call__(self, inputs=None):
        shared = numpyro.sample("shared", dist.Normal(0.0, 1.0))
        with numpyro.plate("task", self.tasks):
            own = numpyro.sample("own", dist.Normal(0.0, 100.0))
        modes = jnp.stack(
            [
                jnp.log(WEIGHT) + dist.Normal(-APART / 2, 1.0).log_prob(own[0]),
                jnp.log(1 - WEIGHT) + dist.Normal(APART / 2, 1.0).log_prob(own[0]),
            ]
        )
        plain = dist.Normal(shared, 1.0).log_prob(own[1:])
        numpyro.factor("pull", jnp.concatenate([jax.nn.logsumexp(modes, axis=0)[None], plain]))


class Wall(Toy):
    """Rises ~ N(shared, 1) of which the data say only that they are below HIGHEST: nothing pulls before the wall."""

    HIGHEST = 0.5

    def __init__(self, tasks: int = 2):
        super().__init__(tasks)
        self.rise = {"own"}
        self.groups["log_likelihood"] = np.arange(tasks)

    def __call__(self, inputs=None):
        shared = numpyro.sample("shared", dist.Normal(0.0, 0.5))
        with numpyro.plate("task", self.tasks):
            own = numpyro.sample("own", dist.Normal(0.0, 1.0))
        numpyro.deterministic("rise", shared + own)
        numpyro.factor("log_likelihood", -50.0 * jax.nn.sigmoid(200.0 * (shared + own - self.HIGHEST)))
