"""A law as a density over one vector: shares of tasks, the Jacobian of centring, draws from the prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from tiny_fit import simulated
from toy_laws import Gaussian

from emergelaw import modelfile, shipped
from emergelaw.design import design
from emergelaw.laws.trajectory import Trajectory
from emergelaw.target import target


@pytest.fixture(scope="module")
def one():
    model = modelfile.load(shipped.find_model("trajectory"))
    return target(Trajectory(model, design(simulated())))


@pytest.fixture(scope="module")
def z(one):
    return jax.jit(one.prior_draw)(jax.random.key(1))


def centred(one, value):
    """Return the inputs with every effect centred by the same amount."""
    return one.inputs | {name: jnp.full(len(one.inputs[name]), value) for name in one.effects}


def test_a_toy_law_gives_its_own_density():
    toy = Gaussian(3)
    one, z = target(toy), jnp.array([0.3, -1.0, 2.0, 0.7])  # own, own, own, shared: what is shared comes last
    own = stats.norm.logpdf(z[:3], 0.7, 1) + stats.norm.logpdf(toy.seen, z[:3], 1)
    assert float(-one.potential(z, {})) == pytest.approx(own.sum() + stats.norm.logpdf(0.7, 0, 2))
    assert np.asarray(one.by_task(z, {}).joint) == pytest.approx(own)
    assert one.blocks.tolist() == [[0], [1], [2], [3]]
    values = one.values(z, {})
    assert float(values["shared"]) == 0.7 and np.asarray(values["own"]).tolist() == [0.3, -1.0, 2.0]


def test_every_element_stands_in_one_block(one):
    members = one.blocks[one.blocks >= 0]
    assert sorted(members) == list(range(one.dim))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_changing_one_task_changes_only_its_share_and_by_what_the_density_changes(one, z, value):
    c = centred(one, value)
    potential, by_task = jax.jit(one.potential), jax.jit(one.by_task)
    before = by_task(z, c).joint
    for task, row in enumerate(one.blocks[:-1]):
        members = row[row >= 0]
        moved = z.at[members].add(0.1 * np.random.default_rng(task).normal(size=len(members)))
        change = np.asarray(by_task(moved, c).joint - before)
        assert change[task] == pytest.approx(float(potential(z, c) - potential(moved, c)), abs=1e-8)
        assert abs(change[task]) > 1e-3 and np.delete(change, task) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("to", [0.5, 1.0])
def test_another_centring_changes_the_density_by_its_jacobian(one, z, to):
    old, new = one.inputs, centred(one, to)
    moved = jax.jit(one.recentre)(z, old, new)
    assert float(jnp.abs(moved - z).max()) > 0.1
    log_volume = np.linalg.slogdet(np.asarray(jax.jit(jax.jacfwd(one.recentre))(z, old, new)))[1]
    potential = jax.jit(one.potential)
    assert float(potential(moved, new) - potential(z, old)) == pytest.approx(log_volume, abs=1e-7)


def test_there_and_back_is_where_it_was(one, z):
    half, recentre = centred(one, 0.5), jax.jit(one.recentre)
    back = recentre(recentre(z, one.inputs, half), half, one.inputs)
    assert np.asarray(back) == pytest.approx(np.asarray(z), abs=1e-9)


def test_starts_follow_the_key_and_the_prior(one, z):
    draw = jax.jit(one.prior_draw)
    assert (draw(jax.random.key(1)) == z).all()
    mean_of = jax.jit(lambda key: one.values(one.prior_draw(key), one.inputs)["onset_mean"])
    means = [float(mean_of(jax.random.key(i))) for i in range(300)]
    assert stats.kstest(means, stats.norm(0.5, 0.25).cdf).pvalue > 1e-3


def test_numbers_are_double(one, z):
    assert z.dtype == jax.jit(one.potential)(z, one.inputs).dtype == jnp.float64
