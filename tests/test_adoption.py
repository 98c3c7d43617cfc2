"""Chains adopt an explanation that is worth far more, and no other."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from toy_laws import Toy

from emergelaw.adoption import MARGIN, adopted
from emergelaw.nuts import Kernel
from emergelaw.target import target


class Unequal(Toy):
    """Every task lies around 0 with width 1, or around 10 with width WIDTH, which holds exp(BETTER) times as much."""

    def __init__(self, better: float, width: float):
        super().__init__(tasks=3)
        self.better, self.width = better, width

    def __call__(self, inputs=None):
        shared = numpyro.sample("shared", dist.Normal(0.0, 1.0))
        with numpyro.plate("task", self.tasks):
            own = numpyro.sample("own", dist.Normal(0.0, 100.0))
        peaks = [dist.Normal(0.0, 1.0).log_prob(own), dist.Normal(10.0, self.width).log_prob(own) + self.better]
        numpyro.factor("pull", jnp.logaddexp(*peaks) + 0.0 * shared)


def ends(better, width):
    """Return the last draws before and after of 4 chains, of which two have the first task in the second mode."""
    law = Unequal(better, width)
    kernel = Kernel(target(law))
    z = np.random.default_rng(0).normal(size=(4, 100, kernel.target.dim))
    first = kernel.blocks.rows[0, 0]
    z[2:, :, first] = 10 + width * z[2:, :, first]
    return kernel, z[:, -1].copy(), adopted(kernel, z, kernel.target.inputs), first


@pytest.mark.parametrize("better", [2 * MARGIN, -2 * MARGIN])
@pytest.mark.parametrize("width", [1.0, 1e-6])
def test_what_is_worth_far_more_is_adopted_however_narrow_it_is(better, width):
    kernel, before, after, first = ends(better, width)
    takers, givers = (slice(0, 2), slice(2, 4)) if better > 0 else (slice(2, 4), slice(0, 2))
    assert np.isin(after[takers, first], before[givers, first]).all()
    assert (after[givers] == before[givers]).all()
    others = np.arange(kernel.target.dim) != first
    assert (after[:, others] == before[:, others]).all()  # other tasks and what is shared stay


@pytest.mark.parametrize("width", [1.0, 1e-9])
def test_what_is_worth_about_the_same_is_kept(width):
    _, before, after, _ = ends(MARGIN / 4, width)
    assert (after == before).all()
