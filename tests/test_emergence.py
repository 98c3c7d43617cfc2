"""Emergence points: naive loops as oracle, monotone in the threshold, inverse of the curve, censored at both ends."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sigmoid_fit import LAST, fit

from emergelaw import emergence
from emergelaw.curves import CURVES
from emergelaw.errors import InputError

X = np.linspace(8, 12, 41)
grids = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(np.array)
thresholds = st.floats(0.05, 1)


def naive_crossing(p, x, theta):
    for i, value in enumerate(p):
        if value >= theta:
            return x[0] if i == 0 else x[i - 1] + (theta - p[i - 1]) / (value - p[i - 1]) * (x[i] - x[i - 1])
    return np.inf


@given(grids, thresholds)
def test_crossing_agrees_with_a_loop(p, theta):
    assert emergence.crossing(p, X[:5], theta) == pytest.approx(naive_crossing(p, X[:5], theta))


@given(grids, thresholds, thresholds)
def test_a_higher_threshold_is_never_crossed_earlier(p, one, other):
    low, high = sorted((one, other))
    assert emergence.crossing(p, X[:5], low) <= emergence.crossing(p, X[:5], high)


@given(grids, thresholds, st.floats(-5, 5), st.floats(0.1, 10))
def test_crossing_moves_with_the_axis(p, theta, shift, scale):
    moved = emergence.crossing(p, shift + scale * X[:5], theta)
    assert moved == pytest.approx(shift + scale * emergence.crossing(p, X[:5], theta))


@pytest.mark.parametrize("name", sorted(CURVES))
@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.8])
def test_crossing_inverts_every_curve_family(name, quantile):
    curve, onset, width, grid = CURVES[name], 10.1, 1.3, np.linspace(8, 12, 2001)
    p = np.asarray(curve.rise((grid - onset) / width, 0.7))
    expected = onset + width * float(curve.inverse(quantile, 0.7))
    assert emergence.crossing(p, grid, quantile) == pytest.approx(expected, abs=1e-3)


def test_crossing_works_on_batches_with_a_threshold_each():
    p = np.random.default_rng(0).random((3, 4, 41))
    theta = np.random.default_rng(1).random((3, 4))
    found = emergence.crossing(p, X, theta)
    assert found.shape == (3, 4)
    expected = [naive_crossing(p[i, j], X, theta[i, j]) for i in range(3) for j in range(4)]
    assert found.ravel() == pytest.approx(expected)


@given(grids.filter(lambda p: p.max() > 0.1), st.floats(0.1, 1), st.floats(0.2, 1))
def test_relative_crossing_ignores_the_height(p, alpha, height):
    assert emergence.relative_crossing(height * p, X[:5], alpha) == pytest.approx(
        emergence.relative_crossing(p, X[:5], alpha), abs=1e-6
    )


@given(st.lists(st.sampled_from([0.2, 0.9]), min_size=2, max_size=8), st.integers(1, 4))
def test_stable_crossing_agrees_with_a_loop(p, held):
    starts = [i for i in range(len(p) - held + 1) if all(v >= 0.8 for v in p[i : i + held])]
    expected = X[starts[0]] if starts else np.inf
    assert emergence.stable_crossing(p, X[: len(p)], 0.8, held) == expected


def test_elbow_is_the_corner_of_a_bent_line():
    up_then_flat = np.interp(X, [8, 9, 12], [0.1, 0.8, 0.9])
    flat_then_up = np.interp(X, [8, 11, 12], [0.1, 0.2, 0.9])
    assert emergence.elbow(up_then_flat, X) == pytest.approx(9)
    assert emergence.elbow(flat_then_up, X) == pytest.approx(11)
    assert emergence.elbow(np.full(41, 0.9), X) == np.inf


def row(table, task, model="long"):
    return table[(table["task"] == task) & (table["model"] == model)].iloc[0]


def test_table_has_the_published_columns_and_known_medians():
    table = emergence.emergence_table(fit(), emergence.define("half-rise"))
    assert tuple(table.columns) == ("task", "model", "definition", "axis", "median", "5 %", "95 %", "p_emerged")
    assert row(table, "middle")["median"] == pytest.approx(1e10)
    assert (row(table, "middle")["definition"], row(table, "middle")["axis"]) == ("half-rise", "tokens")


@pytest.mark.parametrize("kind", ["absolute", "stable", "half-rise"])
def test_never_is_infinite_and_left_censored_is_the_first_checkpoint(kind):
    table = emergence.emergence_table(fit(), emergence.define(kind, threshold=0.5))
    for task in ("late", "flat"):
        assert row(table, task)["median"] == row(table, task)["95 %"] == np.inf
        assert row(table, task)["p_emerged"] == 0
    assert row(table, "early")["median"] == pytest.approx(1e9)


def test_absolute_point_is_the_inverse_of_the_curve():
    theta = 0.7
    expected = 10.0 + np.log((theta - 0.2) / (1 - theta)) / np.log(81)
    table = emergence.emergence_table(fit(), emergence.define("absolute", theta))
    assert row(table, "middle")["median"] == pytest.approx(10**expected, rel=1e-3)


def test_interval_is_that_of_the_draws_and_mass_at_infinity_is_counted():
    jittered = fit(jitter=1.0, samples=400)
    table = emergence.emergence_table(jittered, emergence.define("half-rise"))
    for model, last in LAST.items():
        here = (jittered.draws["model"] == model) & (jittered.draws["task"] == "middle")
        onset = jittered.draws["onset"].values[:, here]
        assert row(table, "middle", model)["p_emerged"] == pytest.approx((onset <= last).mean())
    assert row(table, "middle", "long")["5 %"] < 1e10 < row(table, "middle", "long")["95 %"]


def test_p_by_rises_to_p_emerged_and_refuses_to_forecast():
    t = emergence.points(fit(jitter=1.0, samples=200), emergence.define("half-rise"))
    early, later, last = (emergence.p_by(t, v) for v in (1e10, 3e10, 10**11))
    assert (early <= later).all() and (later <= last).all()
    np.testing.assert_array_equal(np.isnan(emergence.p_by(t, 3e11)), t["model"].values == "short")
    short = t["model"].values == "short"
    assert last[short] == pytest.approx(np.isfinite(t.values[:, short]).mean(0))


def test_other_axes_carry_the_same_points():
    half = emergence.define("half-rise")
    tokens, steps = (emergence.emergence_table(fit(), half, axis) for axis in ("tokens", "steps"))
    assert row(steps, "middle")["median"] == pytest.approx(row(tokens, "middle")["median"] / 1e6)
    np.testing.assert_array_equal(steps["p_emerged"], tokens["p_emerged"])


def test_blocks_do_not_change_the_points(monkeypatch):
    whole = emergence.points(fit(jitter=0.3), emergence.define("relative", 0.5))
    monkeypatch.setattr(emergence, "CELLS", 1)
    xr.testing.assert_identical(whole, emergence.points(fit(jitter=0.3), emergence.define("relative", 0.5)))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("absolut",), "got 'absolut' .did you mean 'absolute'.*choose one"),
        (("absolute", 0.0), "threshold above 0 and at most 1, got 0"),
        (("absolute", 80), "got 80: give an accuracy such as 0.8"),
        (("stable", 0.8, 0), "at least 1 checkpoint, got 0"),
    ],
)
def test_bad_definitions_are_named(arguments, text):
    with pytest.raises(InputError, match=text):
        emergence.define(*arguments)


def test_one_checkpoint_is_too_few():
    lone = fit()
    lone.data = lone.data.isel(checkpoint=[0, 1])
    with pytest.raises(InputError, match=r"at least 2 measured trained checkpoints of model 'short' .* got 1"):
        emergence.points(lone)
