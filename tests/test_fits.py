"""A real fit: what it answers, what it writes, and that what is read back is the same fit."""

import json
from types import SimpleNamespace

import arviz_stats
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tiny_fit import MODELS, TASKS, TOKENS, simulated, small_model, truth

import emergelaw
from emergelaw import fits, report
from emergelaw.design import design
from emergelaw.errors import InputError
from emergelaw.explanations import explain

X = np.linspace(7.5, 11.6, 40)
FIXED = {  # other people's scripts read these
    "status", "converged", "max_rhat", "min_ess_bulk", "divergences", "gradients", "seconds", "n_curves", "n_cells",
    "coverage90_in_sample", "data_sha256", "model", "seed", "versions",
}  # fmt: skip


def row_of(fit, model, task):
    return int(np.flatnonzero((fit.draws["model"].values == model) & (fit.draws["task"].values == task))[0])


def test_curves_are_where_they_were_drawn_from(tiny_fit):
    for model in MODELS:
        for task in TASKS:
            drawn = tiny_fit.curves(np.log10(TOKENS), [row_of(tiny_fit, model, task)])[:, 0]
            low, high = np.quantile(drawn, [0.005, 0.995], axis=0)
            p = truth(np.log10(TOKENS), task, model)
            assert ((p > low - 0.02) & (p < high + 0.02)).all(), (model, task)


def test_draws_have_a_value_of_every_parameter_for_every_curve(tiny_fit):
    draws = tiny_fit.draws
    assert set(draws) == {"floor", "ceiling", "onset", "width", "dispersion"}
    assert draws.sizes == {"sample": 1000, "curve": 6}
    assert (draws["ceiling"] >= draws["floor"]).all() and (draws["width"] > 0).all()
    for task in TASKS:
        floors = draws["floor"].values[:, draws["task"].values == task]
        assert (floors[:, 0] == floors[:, 1]).all()  # shared by models


def test_predictions_are_curves_in_units_of_the_axis(tiny_fit):
    found = tiny_fit.predict([0, 1e9, 1e11])
    assert found.dims == ("sample", "curve", "tokens") and found["tokens"].values.tolist() == [0, 1e9, 1e11]
    assert found.values[..., 1:] == pytest.approx(tiny_fit.curves([9, 11]))
    assert found.values[..., 0] == pytest.approx(tiny_fit.draws["floor"].values)  # untrained
    assert set(found["task"].values) == set(TASKS)
    assert tiny_fit.predict(1e9).sizes["tokens"] == 1


def test_states_are_probabilities_and_tell_flat_from_risen(tiny_fit):
    states = tiny_fit.states
    assert states[["p_flat", "p_not_yet", "p_emerged"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(6))
    risen = states.set_index(["model", "task"])["p_emerged"]
    assert risen["large", "early"] == risen["large", "late"] == 1
    assert (risen[:, "flat"] < 0.6).all()


def test_the_typical_curve_lies_between_those_of_the_models(tiny_fit):
    typical = tiny_fit.typical(X, "early")
    assert typical.shape == (1000, 40)
    small, large = (tiny_fit.curves(X, [row_of(tiny_fit, m, "early")])[:, 0].mean(0)[-1] for m in MODELS)
    assert small < typical.mean(0)[-1] < large


def test_a_new_member_is_less_certain_than_the_typical_one(tiny_fit):
    curves = tiny_fit.family_curves(X, "early", "one")
    assert {name: one.shape for name, one in curves.items()} == {"typical": (1000, 40), "new_member": (1000, 40)}
    spread = {name: one.std(0) for name, one in curves.items()}
    steep = np.argmax(np.diff(curves["typical"].mean(0)))
    assert spread["new_member"][steep] > 1.2 * spread["typical"][steep]
    assert np.median(curves["new_member"], 0) == pytest.approx(np.median(curves["typical"], 0), abs=0.05)
    again = tiny_fit.family_curves(X, "early", "one")
    assert (again["new_member"] == curves["new_member"]).all()


def test_predictive_intervals_cover_what_was_measured(tiny_fit):
    cells = tiny_fit.predictive()
    assert cells.sizes == {"curve": 6, "checkpoint": len(TOKENS)}
    inside = (cells["observed"] >= cells["low"]) & (cells["observed"] <= cells["high"])
    assert inside.mean() >= 0.85
    assert (cells["low"] <= cells["mean"]).all() and (cells["mean"] <= cells["high"]).all()
    assert (tiny_fit.predictive(0.5)["high"] <= cells["high"]).all()
    assert 0.85 <= tiny_fit.result["coverage90_in_sample"] <= 1
    k = tiny_fit.data["n_correct"].sel(model="small", task="late").values
    assert cells["observed"].values[row_of(tiny_fit, "small", "late")] * 300 == pytest.approx(k)


def test_holes_stay_holes_at_their_own_checkpoint(tiny_fit):
    ds = simulated()
    ds["n_trials"][0, 3, 0] = ds["n_correct"][0, 3, 0] = 0
    holed = fits.Fit(ds, tiny_fit.model, design(ds), tiny_fit.posterior, tiny_fit.result)
    cells = holed.predictive()
    where = np.argwhere(np.isnan(cells["observed"].values))
    assert where.tolist() == [[0, 3]] and cells["n"].values[0, 3] == 0
    whole = tiny_fit.predictive()["x"].values
    assert np.delete(cells["x"].values[0], 3) == pytest.approx(np.delete(whole[0], 3))


def test_emergence_and_order_ask_the_same_posterior(tiny_fit):
    table = tiny_fit.emergence(0.5)
    assert list(table) == ["task", "model", "definition", "axis", "median", "5 %", "95 %", "p_emerged"]
    table = table.set_index(["task", "model"])
    assert table.loc[("early", "large"), "median"] < table.loc[("late", "large"), "median"]
    assert table.loc[("early", "large"), "p_emerged"] == 1
    order = tiny_fit.order(0.5)
    assert order is not None and set(order.consensus["task"]) == set(TASKS)


def test_curves_can_be_drawn(tiny_fit):
    ax = tiny_fit.plot_curves(task="early")
    assert ax.lines and ax.get_title("left") == "early"
    plt.close(ax.figure)


def test_priors_are_told_with_belief_and_posterior(tiny_fit):
    told = {prior["name"]: prior for prior in tiny_fit.priors}
    assert set(told) == set(tiny_fit.model.priors) - {"floor_sd"} | {"floor"}
    assert all(p["belief"] for p in told.values())
    assert {name for name, p in told.items() if p["posterior"] is None} == {"ceiling_flat", "ceiling_mastered"}
    assert all(p["posterior"]["low"] <= p["posterior"]["high"] for p in told.values() if p["posterior"])
    assert told["floor"]["prior"] == "Normal(chance, 0.04) within (0, 1)"
    assert told["onset_mean"]["prior"] == "Normal(0.5, 0.25)"


def test_the_result_has_the_keys_that_scripts_read(tiny_fit):
    result = tiny_fit.result
    assert set(result) >= FIXED
    assert set(result["seconds"]) == {"load", "compile", "warmup", "sample", "total"}
    assert (result["n_curves"], result["n_cells"], result["seed"], result["model"]) == (6, 48, 3, "small")
    assert result["gradients"] > result["draws"] == 1000
    assert json.loads(json.dumps(result)) == result


def test_arviz_reads_the_posterior(tiny_fit):
    posterior = tiny_fit.posterior["posterior"].to_dataset()
    assert posterior["onset"].dims == ("chain", "draw", "curve") and posterior["floor"].dims[-1] == "item"
    assert posterior["onset_model"].dims[-1] == "member" and list(posterior["member"].values) == sorted(MODELS)
    rhat = arviz_stats.rhat(posterior[["onset", "floor"]])
    assert max(float(one.max()) for one in rhat.data_vars.values()) <= tiny_fit.result["max_rhat"] + 1e-3


def test_log_likelihoods_and_predicted_counts_belong_to_the_cells(tiny_fit):
    tree, d = tiny_fit.posterior, tiny_fit.design
    log_likelihood = tree["log_likelihood"]["n_correct"]
    assert log_likelihood.dims == ("chain", "draw", "curve", "checkpoint")
    assert (log_likelihood <= 0).all() and np.isfinite(log_likelihood).all()
    counts = tree["posterior_predictive"]["n_correct"].values
    assert counts.min() >= 0 and counts.max() <= 300
    assert np.abs(counts.mean((0, 1)) - d.k).mean() < 10
    assert (tree["observed_data"]["n_correct"].values == d.k).all()


def test_everything_is_in_the_run_folder(tiny_fit, tiny_run):
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {"data.nc", "posterior.nc", "fit.json", "model.json", "emergence.csv", "report.html", "figures"}
    assert json.loads((tiny_run / "fit.json").read_text()) == tiny_fit.result
    table = pd.read_csv(tiny_run / "emergence.csv")
    assert list(table) == ["task", "model", "definition", "axis", "median", "5 %", "95 %", "p_emerged"]
    assert set(table["definition"]) == {"absolute 0.5", "absolute 0.8", "relative 0.5", "half-rise"}
    assert len(table) == 4 * 6
    page = (tiny_run / "report.html").read_text()
    assert "SIMULATED DATA" in page and all(task in page for task in TASKS)


def test_what_is_read_back_is_the_same_fit(tiny_fit, tiny_run):
    again = emergelaw.load(tiny_run)
    xr.testing.assert_equal(again.draws, tiny_fit.draws)
    assert again.model == tiny_fit.model and again.result == tiny_fit.result
    assert (again.curves(X) == tiny_fit.curves(X)).all()
    pd.testing.assert_frame_equal(again.states, tiny_fit.states)
    xr.testing.assert_equal(again.predictive(), tiny_fit.predictive())


def test_equal_fits_make_equal_reports(tiny_run, tmp_path):
    page = report.build(fits.load(tiny_run), tmp_path)
    assert page.read_bytes() == (tiny_run / "report.html").read_bytes()


@pytest.mark.parametrize("lost", ["posterior.nc", "model.json"])
def test_a_broken_run_folder_is_named(tiny_run, tmp_path, lost):
    for path in tiny_run.iterdir():
        if path.is_file() and path.name != lost:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"run `emergelaw fit` again with --force"):
        fits.load(tmp_path)
    (tmp_path / "fit.json").unlink()
    with pytest.raises(
        InputError, match=r"expected a finished fit in .*, found no fit.json there: run `emergelaw fit`"
    ):
        fits.load(tmp_path)


def test_only_the_same_fit_is_reused(tiny_fit, tiny_run, tmp_path):
    model, ds = tiny_fit.model, tiny_fit.data
    assert fits.reusable(tiny_run, ds, model, 3, 250)
    assert not fits.reusable(tiny_run, ds, model, 4, 250)
    assert not fits.reusable(tiny_run, simulated(seed=1), model, 3, 250)
    assert not fits.reusable(tiny_run, ds, small_model(curve="logistic"), 3, 250)
    assert not fits.reusable(tmp_path, ds, model, 3, 250)
    assert tiny_fit.result["converged"] == fits.reusable(tiny_run, ds, model, 3, 4000)  # more draws may help


def test_the_hash_sees_every_number_and_name(tiny_fit):
    first = fits.data_sha256(tiny_fit.data)
    assert first == fits.data_sha256(simulated()) == tiny_fit.result["data_sha256"]
    other = simulated()
    other["n_correct"][0, 0, 0] += 1
    renamed = simulated().assign_coords(task=["a", "b", "c"])
    chance = simulated().assign_coords(chance=("task", [0.1, 0.2, 0.3]))
    assert len({first, *map(fits.data_sha256, (other, renamed, chance))}) == 4


def fake(likelihood, ds):
    """Return as much of a fit as the warnings look at."""
    return SimpleNamespace(data=ds, model=SimpleNamespace(likelihood=likelihood))


def test_a_likelihood_that_cannot_fit_the_noise_is_told():
    quiet = fits._warnings(fake("binomial", simulated(noise="none")))
    assert len(quiet) == 1 and "binomial likelihood cannot fit" in quiet[0]
    assert "whose noise is below binomial: prefer the dispersed likelihood" in quiet[0]
    assert fits._warnings(fake("beta-binomial", simulated(noise="none"))) == [
        quiet[0].replace("binomial", "beta-binomial", 1)
    ]
    assert fits._warnings(fake("dispersed", simulated(noise="none"))) == []


def test_explanations_are_weighted_sentences(tiny_fit):
    told = explain(tiny_fit, 4)
    assert all(set(one) == {"task", "weight", "sentence", "chains"} and one["chains"] == [0, 1, 2, 3] for one in told)
    for task in {one["task"] for one in told}:
        assert sum(one["weight"] for one in told if one["task"] == task) == pytest.approx(1)


@pytest.fixture()
def divided(tiny_fit):
    """A fit of which 30 % of the draws tell of a later rise of one task."""
    late, early = np.arange(1000) < 300, tiny_fit.draws["task"].values == "early"
    draws = tiny_fit.draws.copy(deep=True)
    draws["onset"].values[np.ix_(late, early)] += 2.0
    return SimpleNamespace(
        design=tiny_fit.design, axis=tiny_fit.axis, draws=draws, risen=np.ones(draws["onset"].shape, bool)
    )


def of_early(fit):
    return [one for one in explain(fit, 4) if one["task"] == "early"]


def test_two_explanations_name_what_they_differ_in(divided):
    told = of_early(divided)
    assert sorted(one["weight"] for one in told) == pytest.approx([0.3, 0.7], abs=0.01)
    assert all("early rises from 0.2" in one["sentence"] and "half of it by" in one["sentence"] for one in told)


def test_what_does_not_rise_is_told_beside_explanations_of_a_rise(divided):
    divided.risen[-200:] = False
    told = of_early(divided)
    assert sorted(one["weight"] for one in told) == pytest.approx([0.2, 0.3, 0.5], abs=0.01)
    assert told[-1]["sentence"] == "early does not rise within the measurements"


def test_rising_or_not_is_left_to_the_probabilities_of_the_states(divided):
    divided.risen[:300] = False
    assert not of_early(divided)
    divided.risen[:] = False
    assert not of_early(divided)
