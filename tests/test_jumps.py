"""Jumps between explanations: proposals have the density they claim, and alone they already visit modes rightly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from toy_laws import APART, WEIGHT, TwoModes, untuned

from emergelaw import jumps
from emergelaw.nuts import WINDOW, Kernel
from emergelaw.target import target

ROWS = np.array([[0, 3], [1, -1], [2, 4]])  # three tasks; the second has one parameter


@pytest.fixture(scope="module")
def mixture():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + 2
    draws[:150, [0, 3]] += [9, -9]
    return jumps.fit(draws, ROWS, seed=0)


def scipy_density(mixture, block, x):
    size = int(mixture.size[block])
    weight, mean, factor = (np.asarray(v[block]) for v in (mixture.log_weight, mixture.mean, mixture.factor.lower))
    parts = [
        np.exp(w) * stats.multivariate_t.pdf(x[..., :size], m[:size], (f @ f.T)[:size, :size], df=jumps.DEGREES + size)
        for w, m, f in zip(weight, mean, factor, strict=True)
    ]
    return np.log(np.sum(parts, axis=0))


def test_the_density_is_the_student_mixture_of_scipy(mixture):
    x = np.random.default_rng(1).normal(size=(20, 3, 2)) * 5
    found = np.asarray(jax.vmap(lambda v: jumps.log_density(mixture, v))(jnp.asarray(x)))
    expected = np.stack([scipy_density(mixture, block, x[:, block]) for block in range(3)], axis=1)
    assert found == pytest.approx(expected, rel=1e-9)


def test_it_is_a_density(mixture):
    grid = jnp.linspace(-200, 200, 40_001)
    values = jax.vmap(lambda v: jumps.log_density(mixture, jnp.full((3, 2), v))[1])(grid)
    assert float(jnp.exp(values).sum() * (grid[1] - grid[0])) == pytest.approx(1, abs=1e-3)


def test_padding_does_not_count(mixture):
    x = jnp.ones((3, 2))
    assert jumps.log_density(mixture, x)[1] == jumps.log_density(mixture, x.at[1, 1].set(1e6))[1]


@pytest.mark.parametrize("block", range(3))
def test_proposals_follow_their_density(mixture, block):
    keys = jax.random.split(jax.random.key(0), 20_000)
    drawn = np.asarray(jax.vmap(lambda key: jumps.propose(mixture, key))(keys))[:, block]
    weight, mean, factor = (np.asarray(v[block]) for v in (mixture.log_weight, mixture.mean, mixture.factor.lower))
    share = np.exp(weight)
    assert share.sum() == pytest.approx(1)
    size = int(mixture.size[block])
    expected = (share @ mean)[:size]
    degrees = jumps.DEGREES + size
    within = np.einsum("c,cij,ckj->ik", share, factor, factor) * degrees / (degrees - 2)
    cov = within + np.einsum("c,ci,cj->ij", share, mean, mean) - np.outer(share @ mean, share @ mean)
    error = 5 * np.sqrt(np.diag(cov)[:size] / len(drawn))
    assert (np.abs(drawn.mean(0)[:size] - expected) < error).all()
    assert np.cov(drawn.T)[:size, :size] == pytest.approx(cov[:size, :size], rel=0.15, abs=0.1 * np.trace(cov))


def test_both_modes_are_among_the_components(mixture):
    centres = np.asarray(mixture.mean[0, 1:])
    assert np.ptp(centres[:, 0]) > 6 and np.ptp(centres[:, 1]) > 6


@pytest.mark.parametrize("size", [1, 2, 5])
def test_few_or_equal_draws_still_make_a_proposal(size):
    mixture = jumps.fit(np.ones((size, 5)), ROWS, seed=0)
    assert np.isfinite(np.asarray(jumps.log_density(mixture, jnp.ones((3, 2))))).all()


def test_jumps_alone_visit_two_modes_in_proportion_to_their_mass():
    one = target(TwoModes())
    kernel = Kernel(one)
    rng = np.random.default_rng(0)
    seen = np.zeros((200, one.dim)) + rng.normal(size=(200, one.dim))
    seen[:, one.blocks[0, 0]] += np.where(np.arange(200) < 100, -APART / 2, APART / 2)  # equal shares: wrong on purpose
    tuning = untuned(kernel)._replace(mixture=jumps.fit(seen, one.blocks[:-1], 0))
    state, draws = kernel.start(jnp.zeros(one.dim), 0.0, tuning), []
    for key in jax.random.split(jax.random.key(0), 8000 // WINDOW):
        state, info = kernel.advance(state, key, tuning, False, 0)  # no trajectory: depth 0
        draws.append(np.asarray(info.z))
    own = np.concatenate(draws)[200:, one.blocks[0, 0]]
    assert np.mean(own < 0) == pytest.approx(WEIGHT, abs=0.04)
    for side, centre in ((own < 0, -APART / 2), (own > 0, APART / 2)):
        assert own[side].mean() == pytest.approx(centre, abs=0.1) and own[side].std() == pytest.approx(1, abs=0.1)
    assert np.ptp(np.concatenate(draws)[:, one.blocks[-1, 0]]) == 0  # what is shared does not jump
