"""The trajectory law: the shape of its curves, and its density against a plain computation."""

import jax
import numpy as np
import pytest
from random_data import grid
from scipy import stats
from tiny_fit import simulated

from emergelaw import modelfile, shipped
from emergelaw.curves import CURVES
from emergelaw.design import design
from emergelaw.laws.trajectory import EDGE, PARAMS, Trajectory, accuracy, natural
from emergelaw.target import target

X = np.linspace(5, 15, 201)
PARAMETERS = {"floor": 0.25, "ceiling": 0.8, "onset": 10.0, "width": 1.0, "shape": 0.5}
every = pytest.mark.parametrize("one", CURVES.values(), ids=list(CURVES))


def model(**changes):
    """Return the default model with other settings, inheriting what it then needs."""
    base = modelfile.load(shipped.find_model("trajectory")).model_dump()
    return modelfile.parse(modelfile.extended(base, {"name": "x", "description": "x", **changes}), "x.toml")


@every
def test_accuracy_stays_between_floor_and_ceiling(one):
    p = np.asarray(accuracy(one, PARAMETERS, X))
    assert (p >= 0.25 - 1e-12).all() and (p <= 0.8 + 1e-12).all()
    assert p[[0, -1]] == pytest.approx([0.25, 0.8], abs=1e-3)
    assert float(accuracy(one, PARAMETERS, 10.0)) == pytest.approx((0.25 + 0.8) / 2)


@every
def test_an_untrained_model_is_at_its_floor_wherever_x_says_it_is(one):
    p = np.asarray(accuracy(one, PARAMETERS, np.array([5.0, 20.0]), np.array([True, True])))
    assert p.tolist() == [0.25, 0.25]


def test_probabilities_never_reach_0_or_1():
    sure = {**PARAMETERS, "floor": 0.0, "ceiling": 1.0}
    p = np.asarray(accuracy(CURVES["logistic"], sure, np.array([-1e9, 1e9])))
    assert p.tolist() == [EDGE, 1 - EDGE]


def test_a_drop_loses_its_share_of_the_rise_after_its_lag():
    falls = {**PARAMETERS, "drop": 0.4, "lag": 1.5}
    p = np.asarray(accuracy(CURVES["logistic"], falls, X))
    assert p[-1] == pytest.approx(0.25 + 0.6 * 0.55, abs=1e-4)
    assert p.max() > p[-1] + 0.1 and np.argmax(p) > np.searchsorted(X, 10.0)
    halfway = float(accuracy(CURVES["logistic"], falls, 10.0 + 1 + 1.5))
    assert halfway == pytest.approx(0.25 + 0.55 * 0.8, abs=1e-3)
    none = np.asarray(accuracy(CURVES["logistic"], {**falls, "drop": 0.0}, X))
    assert none == pytest.approx(np.asarray(accuracy(CURVES["logistic"], PARAMETERS, X)))


def test_natural_scales():
    free = {"onset": 9.0, "width": 0.0, "ceiling": 0.0, "dispersion": np.log(3.0), "drop": 0.0, "lag": np.log(2.0)}
    found = {name: float(v) for name, v in natural(free, 0.4).items()}
    assert found == pytest.approx(
        {"floor": 0.4, "onset": 9, "width": 1, "ceiling": 0.7, "dispersion": 3, "drop": 0.5, "lag": 2}
    )


def test_the_density_is_that_of_a_plain_computation():
    d = design(simulated())
    pooling = {"onset": "task", "ceiling": "size", "width": "", "dispersion": ""}
    chosen = model(curve="logistic", likelihood="binomial", pooling={k: pooling[k] for k in list(pooling)[:3]})
    law = Trajectory(chosen, d)
    one = target(law)
    z = one.prior_draw(jax.random.key(4))
    v = {name: np.asarray(value) for name, value in one.values(z, one.inputs).items()}

    prior = {name: (p.location, p.scale) for name, p in chosen.priors.items()}
    chance, sd = d.chance, prior["floor_sd"][1]
    expected = stats.truncnorm.logpdf(v["floor"], -chance / sd, (1 - chance) / sd, chance, sd).sum()
    jacobian = np.log(v["floor"] * (1 - v["floor"])).sum()  # of the logit of the floor, the log of every sd
    for name in prior.keys() - {"floor_sd"}:
        law_of = stats.halfnorm if name.endswith("_sd") else stats.norm
        expected += law_of.logpdf(v[name], *prior[name])
        jacobian += np.log(v[name]) if name.endswith("_sd") else 0.0
    expected += stats.norm.logpdf(v["onset_task_raw"]).sum() + stats.norm.logpdf(v["ceiling_size_raw"]).sum()

    low, high = d.span
    onset = low + (high - low) * (v["onset_mean"] + v["onset_task_sd"] * v["onset_task_raw"])
    slope = v["ceiling_size_mean"] + v["ceiling_size_sd"] * v["ceiling_size_raw"]
    width = (high - low) / 4 * np.exp(v["width_mean"])
    for row, (task, member) in enumerate(zip(d.task, d.model, strict=True)):
        floor = v["floor"][task]
        top = floor + (1 - floor) / (1 + np.exp(-(v["ceiling_mean"] + slope[task] * d.size[member])))
        p = floor + (top - floor) / (1 + 81.0 ** (-(d.x[row] - onset[task]) / width))
        expected += stats.binom.logpmf(d.k[row], d.n[row], np.clip(p, EDGE, 1 - EDGE)).sum()
    assert float(-one.potential(z, one.inputs)) == pytest.approx(expected + jacobian, rel=1e-9)


def test_what_was_not_measured_changes_nothing():
    rng = np.random.default_rng(0)
    k, n = rng.integers(0, 100, (2, 3, 2)), np.full((2, 3, 2), 100)
    n[0, 1, 0] = 0
    padded_n = np.concatenate([n, np.zeros((2, 2, 2), int)], axis=1)
    padded_n[0, 3, 1] = 0
    padded_k = np.concatenate([k, np.full((2, 2, 2), 7)], axis=1)
    tokens = np.geomspace(1e8, 1e10, 5)
    plain, padded = (
        target(Trajectory(model(), design(grid(*a, tokens=t))))
        for a, t in (((k * (n > 0), n), tokens[:3]), ((padded_k * (padded_n > 0), padded_n), tokens))
    )
    z = jax.jit(plain.prior_draw)(jax.random.key(0))
    energies = [float(jax.jit(one.potential)(z, one.inputs)) for one in (plain, padded)]
    assert energies[0] == pytest.approx(energies[1])


CASES = [
    {}, {"curve": "richards", "pooling": {"shape": "task"}}, {"curve": "elbow"}, {"likelihood": "beta-binomial"},
    {"decline": True, "pooling": {"drop": "task", "lag": ""}},
]  # fmt: skip


def shapes(name):
    return {
        "priors": {
            f"{p}_{end}": {"distribution": kind, "scale": 0.5, "belief": "Something to test with."}
            for p in name
            for end, kind in (("mean", "normal"), ("task_sd", "half-normal"))
            if (p, end) != ("lag", "task_sd")
        }
    }


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_every_variant_has_a_finite_gradient_and_reports_its_parameters(changes):
    extra = shapes([p for p in ("shape", "drop", "lag") if p in changes.get("pooling", {})])
    chosen = model(**changes, **(extra if extra["priors"] else {}))
    one = target(Trajectory(chosen, design(simulated())))
    grad, values, draw = jax.jit(jax.grad(one.potential)), jax.jit(one.values), jax.jit(one.prior_draw)
    for seed in range(5):
        z = draw(jax.random.key(seed))
        assert np.isfinite(np.asarray(grad(z, one.inputs))).all()
    wanted = modelfile.parameters_of(chosen.curve, chosen.likelihood, chosen.decline)
    found = values(z, one.inputs)
    assert set(wanted) <= set(PARAMS) & set(found)
    assert all(found[name].shape == (6,) for name in wanted) and found["floor"].shape == (3,)
