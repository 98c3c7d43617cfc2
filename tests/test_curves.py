"""Laws that every curve family obeys, whatever its formula."""

import jax
import numpy as np
import pytest

from emergelaw import target  # noqa: F401  float64 everywhere
from emergelaw.curves import CURVES, curve
from emergelaw.errors import InputError
from emergelaw.modelfile import CURVE_NAMES

U = np.linspace(-8, 8, 3201)
Q = np.linspace(0.01, 0.99, 99)
SHAPES = [0.01, 0.3, 1.0, 3.0]
CASES = [(c, s) for c in CURVES.values() for s in (SHAPES if c.has_shape else [None])]
every = pytest.mark.parametrize(("one", "shape"), CASES, ids=[f"{c.name}-{s}" for c, s in CASES])


def test_the_model_file_knows_the_same_families():
    assert tuple(CURVES) == CURVE_NAMES


@every
def test_it_goes_from_0_to_1_and_never_back(one, shape):
    rise = np.asarray(one.rise(U, shape))
    assert (np.diff(rise) >= 0).all()
    assert rise.min() >= 0 and rise.max() <= 1
    ends = np.asarray(one.rise(np.array([-1e6, 1e6]), shape))
    assert ends == pytest.approx([0, 1], abs=1e-8)


@every
def test_the_half_rise_is_at_0_and_the_middle_80_percent_take_one_unit(one, shape):
    assert float(one.rise(0.0, shape)) == pytest.approx(0.5, abs=1e-12)
    assert float(one.inverse(0.9, shape) - one.inverse(0.1, shape)) == pytest.approx(1, abs=1e-12)


@every
def test_the_inverse_undoes_the_rise(one, shape):
    assert np.asarray(one.rise(one.inverse(Q, shape), shape)) == pytest.approx(Q, abs=1e-12)


@every
@pytest.mark.parametrize("u", [-1e300, -1e3, -5.0, 0.0, 5.0, 1e3, 1e300])
def test_values_and_gradients_are_finite_everywhere(one, shape, u):
    if shape is None:
        found = jax.value_and_grad(one.rise)(u)
    else:
        found = jax.value_and_grad(one.rise, argnums=(0, 1))(u, shape)
    assert np.isfinite(np.hstack(jax.tree.leaves(found))).all()


@every
def test_the_gradient_is_the_slope_of_the_curve(one, shape):
    u = np.array([-0.5, -0.1, 0.2, 0.5])
    slope = jax.vmap(jax.grad(lambda v: one.rise(v, shape)))(u)
    numeric = (one.rise(u + 1e-6, shape) - one.rise(u - 1e-6, shape)) / 2e-6
    assert np.asarray(slope) == pytest.approx(np.asarray(numeric), abs=1e-6)


def test_richards_holds_logistic_and_gompertz():
    richards = CURVES["richards"].rise
    assert np.asarray(richards(U, 1.0)) == pytest.approx(np.asarray(CURVES["logistic"].rise(U)), abs=1e-12)
    assert np.asarray(richards(U, 1e-6)) == pytest.approx(np.asarray(CURVES["gompertz"].rise(U)), abs=1e-5)


def test_symmetry_and_its_lack():
    def at(name, u):
        return np.asarray(CURVES[name].rise(u))

    for name in ("logistic", "elbow"):
        assert at(name, U) == pytest.approx(1 - at(name, -U), abs=1e-12)
    assert at("weibull", U) == pytest.approx(1 - at("gompertz", -U), abs=1e-12)
    gompertz = CURVES["gompertz"].inverse
    assert float(gompertz(0.1)) > -0.5 and float(gompertz(0.9)) > 0.5  # fast start, slow approach


def test_an_unknown_family_gets_a_suggestion():
    with pytest.raises(
        InputError, match=r"expected a curve among logistic, .*, got 'gompert' \(did you mean 'gompertz'"
    ):
        curve("gompert")
