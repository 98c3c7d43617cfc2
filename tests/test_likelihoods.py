"""Likelihoods: they are probabilities, agree with SciPy, have the variance they claim and finite gradients."""

import jax
import numpy as np
import pytest
from scipy import stats

from emergelaw import target  # noqa: F401  float64 everywhere
from emergelaw.errors import InputError
from emergelaw.likelihoods import LIKELIHOODS, LOGISTIC_SD, OUTLIER, likelihood
from emergelaw.modelfile import LIKELIHOOD_NAMES

DISPERSED, BINOMIAL, BETA_BINOMIAL = (LIKELIHOODS[n] for n in ("dispersed", "binomial", "beta-binomial"))
TRIALS = [1, 2, 7, 200]
CHANCES = [1e-6, 0.01, 0.5, 0.97, 1 - 1e-6]
every = pytest.mark.parametrize("one", LIKELIHOODS.values(), ids=list(LIKELIHOODS))


def log_prob(one, n, p, phi):
    return np.asarray(one.log_prob(np.arange(n + 1.0), float(n), p, phi))


def test_the_model_file_knows_the_same_likelihoods():
    assert tuple(LIKELIHOODS) == LIKELIHOOD_NAMES


@every
@pytest.mark.parametrize("n", TRIALS)
@pytest.mark.parametrize("phi", [0.05, 0.5, 1.5, 200.0])
def test_probabilities_sum_to_one(one, n, phi):
    for p in CHANCES:
        assert np.exp(log_prob(one, n, p, phi)).sum() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("n", TRIALS)
@pytest.mark.parametrize("p", [1e-6, 0.3, 0.999])
def test_binomial_and_beta_binomial_are_those_of_scipy(n, p):
    k = np.arange(n + 1)
    assert log_prob(BINOMIAL, n, p, None) == pytest.approx(stats.binom.logpmf(k, n, p), rel=1e-9, abs=1e-9)
    phi = 1 + 0.4 * (n - 1)  # exists only for n > 1
    c = (n - 1) / (phi - 1) - 1 if n > 1 else 1e-3
    expected = stats.betabinom.logpmf(k, n, c * p, c * (1 - p))
    assert log_prob(BETA_BINOMIAL, n, p, phi) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_beta_binomial_without_excess_is_binomial():
    assert log_prob(BETA_BINOMIAL, 50, 0.3, 0.5) == pytest.approx(log_prob(BINOMIAL, 50, 0.3, None), abs=0.01)


@pytest.mark.parametrize(("n", "p", "phi"), [(20, 0.4, 0.3), (20, 0.05, 4.0), (100, 0.7, 1.0), (3, 0.5, 10.0)])
def test_dispersed_is_a_rounded_logistic_with_a_few_outliers(n, p, phi):
    scale = np.sqrt(phi * n * p * (1 - p)) * np.sqrt(3) / np.pi
    edges = np.r_[-np.inf, np.arange(n) + 0.5, np.inf]
    rounded = np.diff(stats.logistic.cdf(edges, n * p, scale))
    expected = np.log((1 - OUTLIER) * rounded + OUTLIER / (n + 1))
    assert log_prob(DISPERSED, n, p, phi) == pytest.approx(expected, abs=1e-8)
    assert LOGISTIC_SD == pytest.approx(stats.logistic.std())


@pytest.mark.parametrize(("one", "phi"), [(DISPERSED, 0.3), (DISPERSED, 5.0), (BINOMIAL, 1.0), (BETA_BINOMIAL, 5.0)])
def test_draws_have_the_mean_and_the_dispersion_they_were_asked_for(one, phi):
    n, p = 400, 0.4
    k = np.arange(n + 1)
    weight = np.exp(log_prob(one, n, p, phi))
    if one is DISPERSED:
        weight = (weight - OUTLIER / (n + 1)) / (1 - OUTLIER)  # the rare outlier has a variance of its own
    mean = (weight * k).sum()
    assert mean == pytest.approx(n * p, rel=1e-6)
    variance = (weight * (k - mean) ** 2).sum()
    rounding = 1 / 12 if one is DISPERSED else 0
    assert variance == pytest.approx(phi * n * p * (1 - p) + rounding, rel=1e-3)


@pytest.mark.parametrize(("one", "phi"), [(DISPERSED, 0.4), (DISPERSED, 6.0), (BINOMIAL, 1.0), (BETA_BINOMIAL, 6.0)])
@pytest.mark.parametrize(("n", "p"), [(15, 0.3), (40, 0.96)])
def test_draws_follow_the_log_probabilities(one, phi, n, p):
    size = 40_000
    draws = one.draw(np.random.default_rng(1), np.full(size, n), np.full(size, p), np.full(size, phi))
    expected = size * np.exp(log_prob(one, n, p, phi))
    common = expected > 20
    seen = np.bincount(draws, minlength=n + 1)
    seen, expected = (np.r_[v[common], v[~common].sum()][: common.sum() + (~common).any()] for v in (seen, expected))
    chi2 = ((seen - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(chi2, len(seen) - 1) > 1e-4


@every
def test_draws_are_counts_within_their_trials_and_follow_the_seed(one):
    n, p = np.array([[1, 5], [50, 3000]]), np.array([[1e-6, 0.5], [0.9, 1 - 1e-6]])
    first, again = (one.draw(np.random.default_rng(3), n, p, np.full((1, 1), 30.0)) for _ in range(2))
    assert first.shape == n.shape and first.dtype.kind == "i"
    assert ((first >= 0) & (first <= n)).all() and (first == again).all()


@every
@pytest.mark.parametrize("n", [1.0, 200.0, 20_000.0])
def test_gradients_are_finite_at_every_edge(one, n):
    gradient = jax.grad(lambda p, phi, k: one.log_prob(k, n, p, phi), argnums=(0, 1))
    for k in (0.0, 1.0, n // 2, n):
        for p in (1e-6, 0.5, 1 - 1e-6):
            for phi in (1e-3, 0.05, 1.2, 200.0):
                assert np.isfinite(np.hstack(gradient(p, phi, k))).all(), (k, p, phi)


def test_one_outlier_costs_a_bounded_amount():
    assert log_prob(DISPERSED, 1000, 0.9, 0.05).min() >= np.log(OUTLIER / 1001) - 1e-9


def test_an_unknown_likelihood_gets_a_suggestion():
    with pytest.raises(
        InputError, match=r"among dispersed, binomial, beta-binomial, got 'binom' \(did you mean 'binomi"
    ):
        likelihood("binom")
