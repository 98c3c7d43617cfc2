"""A law as a density over a flat vector: what may change without compiling again changes as if compiled anew."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from tiny_fit import simulated

from emergelaw import modelfile, shipped
from emergelaw.design import design
from emergelaw.laws.trajectory import Trajectory
from emergelaw.target import target


@pytest.fixture(scope="module")
def law() -> Trajectory:
    return Trajectory(modelfile.load(shipped.find_model("trajectory")), design(simulated(seed=1)))


def test_counts_among_the_inputs_act_like_those_of_the_design(law):
    other = replace(law.design, k=design(simulated(seed=2)).k)
    one, two = target(law), target(Trajectory(law.model, other))
    z = one.prior_draw(jax.random.key(0))
    given = one.inputs | {"n_correct": other.k}
    assert one.potential(z, given) == pytest.approx(float(two.potential(z, two.inputs)), rel=1e-12)
    assert one.potential(z, given) != pytest.approx(float(one.potential(z, one.inputs)), rel=1e-6)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-12), one.by_task(z, given), two.by_task(z, two.inputs))


def test_recentring_keeps_every_value(law):
    one = target(law)
    z = one.prior_draw(jax.random.key(1))
    rng = np.random.default_rng(0)
    new = one.inputs | {name: rng.random(one.inputs[name].shape) for name in one.effects}
    held, moved = one.values(z, one.inputs), one.values(one.recentre(z, one.inputs, new), new)
    for name in held:
        if not name.endswith("_raw"):
            np.testing.assert_allclose(moved[name], held[name], rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_redrawn_rises_follow_their_prior_given_all_else(law, value):
    """Standardised by their own location and scale they are standard normal, and nothing else has changed."""
    one = target(law)
    z = one.prior_draw(jax.random.key(2))
    c = one.inputs | {name: jnp.full(len(one.inputs[name]), value) for name in one.effects}
    drawn = jax.vmap(lambda key: one.redraw(z, key, c))(jax.random.split(jax.random.key(3), 400))
    assert (np.asarray(drawn)[:, ~one.rises] == np.asarray(z)[~one.rises]).all()
    of = jax.vmap(lambda one_z: one.values(one_z, c))(drawn)
    for name in ("onset_task", "onset_curve", "width_task"):
        standard = (of[name] - of[f"{name}_loc"]) / of[f"{name}_scale"]
        assert stats.kstest(np.asarray(standard).ravel(), stats.norm.cdf).pvalue > 1e-3, name
    edges = (of["ceiling_task"] < -4).mean(), (of["ceiling_task"] > 4).mean()
    odds = np.exp([float(of["ceiling_flat_odds"][0]), float(of["ceiling_mastered_odds"][0])])
    assert np.array(edges) == pytest.approx(odds / (1 + odds.sum()), abs=0.05)


def test_the_likelihood_of_each_task_is_that_of_its_counts(law):
    one = target(law)
    z = one.prior_draw(jax.random.key(2))
    other = one.inputs | {
        "n_correct": jnp.where(law.design.task[:, None] == 2, law.design.n - law.design.k, law.design.k)
    }
    before, after = one.by_task(z, one.inputs), one.by_task(z, other)
    changed = np.asarray(after.likelihood - before.likelihood)
    assert changed[2] != 0 and (np.delete(changed, 2) == 0).all()
    assert changed == pytest.approx(np.asarray(after.joint - before.joint), abs=1e-9)
