"""Numbers and words about a fit, against counts and distributions worked out by hand."""

import numpy as np
import pytest
from fakes import fake_fit

from emergelaw.axes import named
from emergelaw.summary import curve_rows, emergence, interval, measured, origin, spread, task_rows, when


@pytest.fixture(scope="module")
def fit():
    return fake_fit(n_tasks=4, n_models=3)


def test_measured_points_are_the_counts_of_the_data_set(fit):
    curves = measured(fit)
    for i, (model, task) in enumerate(zip(fit.draws["model"].values, fit.draws["task"].values, strict=True)):
        one = fit.data.sel(model=model, task=task)
        x, k, n = curves.points(i)
        np.testing.assert_allclose(x, np.log10(one["tokens"]))
        np.testing.assert_array_equal((k, n), (one["n_correct"], one["n_trials"]))


def test_unmeasured_and_untrained_cells_are_no_points():
    fit = fake_fit(2, 2)
    fit.data["n_trials"][0, 5, 0] = fit.data["n_correct"][0, 5, 0] = 0
    fit.data["tokens"][0, 0] = 0
    curves = measured(fit)
    assert len(curves.points(0)[0]) == 18
    assert curves.first[0] == pytest.approx(np.log10(fit.data["tokens"].values[0, 1]))


def test_emergence_of_a_certain_curve_is_the_quantile_of_its_onsets(fit):
    onset = fit.draws["onset"].values[:, 0]
    found = emergence(fit, measured(fit), np.array([0]), [0.05, 0.5, 0.95])
    assert fit.states["p_emerged"][0] == 1
    np.testing.assert_array_equal(found, np.quantile(onset, [0.05, 0.5, 0.95], method="inverted_cdf"))


def test_emergence_is_censored_by_the_probability_not_to_have_emerged():
    fit = fake_fit(2, 2)
    fit.states.loc[0, "p_emerged"] = 0.6
    found = emergence(fit, measured(fit), np.array([0]), [0.3, 0.59, 0.61])
    assert found[0] == np.quantile(fit.draws["onset"].values[:, 0], 0.5, method="inverted_cdf")
    assert np.isfinite(found[1]) and found[2] == np.inf


def test_onsets_outside_the_measured_range_have_no_number():
    fit = fake_fit(2, 2)
    fit.draws["onset"][:, 0] = 5.0
    fit.draws["onset"][:, 1] = 13.0
    curves = measured(fit)
    assert emergence(fit, curves, np.array([0]), [0.5]) == -np.inf
    assert emergence(fit, curves, np.array([1]), [0.5]) == np.inf
    assert list(emergence(fit, curves, np.array([0, 1]), [0.49, 0.51])) == [-np.inf, np.inf]


def test_tasks_are_sorted_by_emergence_and_the_flat_one_comes_last(fit):
    rows = task_rows(fit)
    medians = [row.emergence[1] for row in rows]
    assert medians == sorted(medians) and [row.task for row in rows][-1] == "task_03"
    assert medians[-1] == np.inf and np.isfinite(medians[:-1]).all()
    assert sum(row.n_curves for row in rows) == fit.draws.sizes["curve"]


def test_coverage_counts_cells_inside_the_predictive_interval():
    fit = fake_fit(2, 2)
    fit._predictive["low"][:], fit._predictive["high"][:] = 0.0, 1.0
    fit._predictive["low"][0, :10] = 1.1
    coverage = {row.task: row.coverage for row in task_rows(fit)}
    assert coverage == {"task_00": 0.75, "task_01": 1.0}


def test_curve_rows_carry_states_and_ceilings_of_their_model(fit):
    rows = curve_rows(fit, measured(fit), "task_01")
    draws = fit.draws.isel(curve=np.flatnonzero(fit.draws["task"].values == "task_01"))
    assert [row.model for row in rows] == list(draws["model"].values)
    np.testing.assert_allclose([row.ceiling[1] for row in rows], draws["ceiling"].median("sample"))
    assert all((row.p_flat, row.p_not_yet, row.p_emerged) == (0, 0, 1) for row in rows)


def test_words_for_censored_points(fit):
    span = np.log10(2e6), np.log10(3e11)
    assert when(fit, np.inf, span) == ">300B" and when(fit, -np.inf, span) == "≤2M"
    assert when(fit, 9.0, span) == "1B"
    flat = task_rows(fit)[-1]
    assert interval(fit, flat) == ">300B"


def test_a_loss_is_censored_downwards(fit):
    fit = fake_fit(2, 2)
    fit.axis = named("loss")
    assert when(fit, np.inf, (-11.0, -2.31)) == "<2.31" and when(fit, -np.inf, (-11.0, -2.31)) == "≥11"


@pytest.mark.parametrize(
    ("axis", "x", "said"),
    [
        ("tokens", np.log10(2.1e9), "2.1B"),
        ("steps", np.log10(143_000), "143k"),
        ("flops", 21.0, "1e+21"),
        ("loss", -2.534, "2.53"),
    ],
)
def test_amounts_are_said_in_natural_units(axis, x, said):
    assert named(axis).text(x) == said


def test_a_spread_without_width_is_one_number():
    assert spread(0.501, 0.503) == "0.50" and spread(0.1, 0.9) == "0.10–0.90"


def test_only_simulated_data_shout(fit):
    assert origin(fit) == "SIMULATED DATA"
    assert origin(fake_fit(2, 2, kind="published")) == "published data"
