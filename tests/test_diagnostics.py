"""r-hat and effective sample size against those of ArviZ."""

import arviz_stats
import numpy as np
import pytest
import xarray as xr

from emergelaw.diagnostics import rhat_and_ess


def chains(rng, kind, shape=(4, 300)):
    noise = rng.normal(size=shape)
    if kind == "independent":
        return noise
    if kind == "heavy":
        return rng.standard_cauchy(shape)
    if kind == "shifted":
        return noise + np.arange(shape[0])[:, None] / 4
    if kind == "scaled":
        return noise * (1 + np.arange(shape[0]))[:, None]
    if kind == "drifting":
        return noise + np.linspace(0, 2, shape[1])
    if kind == "ties":
        return np.round(noise)
    rho = {"slow": 0.95, "alternating": -0.6}[kind]
    out = noise.copy()
    for i in range(1, shape[1]):
        out[:, i] += rho * out[:, i - 1]
    return out


KINDS = ("independent", "heavy", "shifted", "scaled", "drifting", "ties", "slow", "alternating")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4, 300), (2, 77)])
def test_they_are_those_of_arviz(kind, shape):
    draws = chains(np.random.default_rng(7), kind, shape)
    ds = xr.Dataset({"v": (("chain", "draw"), draws)})
    rhat, ess = rhat_and_ess(draws[..., None])
    assert rhat[0] == pytest.approx(float(arviz_stats.rhat(ds)["v"]), abs=1e-6)
    assert ess[0] == pytest.approx(float(arviz_stats.ess(ds, method="bulk")["v"]), rel=0.03, abs=1)


def test_many_quantities_at_once_are_each_as_alone():
    draws = np.random.default_rng(0).normal(size=(4, 50, 1100)).cumsum(1)
    rhat, ess = rhat_and_ess(draws)
    assert rhat.shape == ess.shape == (1100,)
    for i in (0, 511, 512, 1099):
        one = rhat_and_ess(draws[..., [i]])
        assert (rhat[i], ess[i]) == pytest.approx((one[0][0], one[1][0]), rel=1e-12)


def test_neither_depends_on_a_monotone_change_of_units():
    draws = np.random.default_rng(1).normal(size=(4, 100, 1))
    ess, changed = (rhat_and_ess(v)[1][0] for v in (draws, np.exp(3 * draws)))
    assert changed == pytest.approx(ess, rel=1e-9)


def test_what_never_changes_is_no_complaint_and_what_differs_only_between_chains_is():
    constant = np.full((4, 100, 1), 3.0)
    assert rhat_and_ess(constant) == (1.0, 400)
    stuck = constant + np.arange(4)[:, None, None]
    rhat, ess = rhat_and_ess(stuck)
    assert rhat[0] > 10 and ess[0] < 10
