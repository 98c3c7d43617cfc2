"""The coordinates of the sampler: invertible, and what a Gaussian teaches them is its own shape."""

import jax.numpy as jnp
import numpy as np
import pytest

from emergelaw import target  # noqa: F401  float64 everywhere
from emergelaw.metric import Blocks, Factor

BLOCKS = Blocks(np.array([[0, 4, -1], [2, 1, 5], [3, -1, -1]]))
RNG = np.random.default_rng(0)


def factors(rng=RNG):
    return Factor.of(np.tril(rng.normal(size=(3, 3, 3)), -1) + np.eye(3) * rng.uniform(0.5, 2, (3, 3, 1)))


def gaussian(size, rng, scale=1.0):
    """Return draws (4 chains) of a block-diagonal Gaussian, their gradients, and the covariance."""
    cov = np.zeros((6, 6))
    for row in BLOCKS.rows:
        members = row[row >= 0]
        root = scale * rng.normal(size=(len(members), len(members) + 2))
        cov[np.ix_(members, members)] = root @ root.T
    draws = rng.multivariate_normal(np.zeros(6), cov, (4, size // 4))
    return draws, draws @ np.linalg.inv(cov), cov


def learned(draws, gradients):
    """Return L Lᵀ of the adapted factor in the order of the flat vector."""
    factor = BLOCKS.adapted(draws, gradients)
    columns = [BLOCKS.unwhiten(jnp.eye(6)[i], factor) for i in range(6)]
    flat = np.stack(columns, axis=1)
    return flat @ flat.T


def test_split_and_join_undo_each_other():
    flat = jnp.arange(6.0) + 1
    assert BLOCKS.split(flat).tolist() == [[1, 5, 0], [3, 2, 6], [4, 0, 0]]
    assert (BLOCKS.join(BLOCKS.split(flat)) == flat).all()


def test_whiten_and_unwhiten_undo_each_other():
    z, factor = jnp.asarray(RNG.normal(size=6)), factors()
    assert np.asarray(BLOCKS.unwhiten(BLOCKS.whiten(z, factor), factor)) == pytest.approx(np.asarray(z))
    assert np.asarray(BLOCKS.whiten(BLOCKS.unwhiten(z, factor), factor)) == pytest.approx(np.asarray(z))


def test_blocks_do_not_mix():
    factor = factors()
    moved = BLOCKS.unwhiten(jnp.zeros(6).at[4].set(1.0), factor)
    assert np.flatnonzero(np.asarray(moved)).tolist() == [4]
    moved = BLOCKS.unwhiten(jnp.zeros(6).at[2].set(1.0), factor)
    assert np.flatnonzero(np.asarray(moved)).tolist() == [1, 2, 5]


def test_a_diagonal_factor_only_scales():
    scale = np.arange(1.0, 7)
    assert np.asarray(BLOCKS.unwhiten(jnp.ones(6), BLOCKS.diagonal(scale))) == pytest.approx(scale)


@pytest.mark.parametrize("seed", range(3))
def test_a_gaussian_teaches_its_covariance(seed):
    draws, gradients, cov = gaussian(40_000, np.random.default_rng(seed))
    found, scale = learned(draws, gradients), np.sqrt(np.diag(cov))
    assert found / np.outer(scale, scale) == pytest.approx(cov / np.outer(scale, scale), abs=0.02)


def test_where_the_chains_stand_does_not_matter():
    draws, gradients, _ = gaussian(400, np.random.default_rng(0))
    shift = np.arange(4)[:, None, None] * 100.0
    assert learned(draws + shift, gradients) == pytest.approx(learned(draws, gradients), rel=1e-6)


def test_units_come_out_as_they_went_in():
    draws, gradients, _ = gaussian(400, np.random.default_rng(0))
    units = 10.0 ** np.arange(-3, 3)
    scaled = learned(draws * units, gradients / units)
    assert scaled / np.outer(units, units) == pytest.approx(learned(draws, gradients), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("size", [4, 8, 20])
def test_few_draws_still_give_usable_coordinates(size):
    draws, gradients, _ = gaussian(size, np.random.default_rng(3), 1e-3)
    if size == 4:
        draws, gradients = np.repeat(draws, 2, axis=1), np.repeat(gradients, 2, axis=1)
    found = learned(draws, gradients)
    assert np.isfinite(found).all() and np.linalg.eigvalsh(found).min() > 0
