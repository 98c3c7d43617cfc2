"""A law as a density over a flat vector: what may change without compiling again changes as if compiled anew."""

from dataclasses import replace

import jax
import numpy as np
import pytest
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
    np.testing.assert_allclose(one.by_task(z, given), two.by_task(z, two.inputs), rtol=1e-12)


def test_recentring_keeps_every_value(law):
    one = target(law)
    z = one.prior_draw(jax.random.key(1))
    rng = np.random.default_rng(0)
    new = one.inputs | {name: rng.random(one.inputs[name].shape) for name in one.effects}
    held, moved = one.values(z, one.inputs), one.values(one.recentre(z, one.inputs, new), new)
    for name in held:
        if not name.endswith("_raw"):
            np.testing.assert_allclose(moved[name], held[name], rtol=1e-8, atol=1e-10, err_msg=name)
