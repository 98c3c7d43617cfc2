"""Figures: what they must show, that they say where the data come from, and that they do not change."""

import matplotlib
import numpy as np
import pytest
from fakes import fake_fit
from matplotlib.figure import Figure
from scipy.stats import binom

from emergelaw import plots
from emergelaw.axes import named
from emergelaw.errors import InputError
from emergelaw.plots.bands import LEVELS, curve_bands, quantiles
from emergelaw.plots.curves import binomial_interval
from emergelaw.plots.diagnostics import parameters
from emergelaw.plots.prior_posterior import parse_prior
from emergelaw.plots.style import RC, model_colors, ticks
from emergelaw.summary import measured, task_rows


@pytest.fixture(scope="module")
def fit():
    return fake_fit(n_tasks=4, n_models=3)


@pytest.fixture
def ax():
    return Figure().subplots()


def all_text(fig):
    return [t.get_text() for t in fig.findobj(matplotlib.text.Text)]


DRAWN = {
    "curves": lambda fit, ax: plots.plot_curves(fit, ax, task="task_01"),
    "family": lambda fit, ax: plots.plot_family(fit, ax, task="task_01"),
    "emergence": lambda fit, ax: plots.plot_emergence(fit, ax),
    "prior and posterior": lambda fit, ax: plots.plot_prior_posterior(fit.priors[0], ax),
}
FIGURES = {
    "grid": plots.plot_grid,
    "task": lambda fit: plots.task_figure(fit, "task_01"),
    "emergence": plots.emergence_figure,
    "diagnostics": plots.diagnostics_figure,
    "priors": plots.prior_posterior_figure,
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_plot_returns_the_axis_it_was_given_and_leaves_the_style_of_others_alone(fit, ax, draw):
    before = dict(matplotlib.rcParams)
    assert draw(fit, ax) is ax
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("kind", ["simulated", "measured", "published"])
def test_every_figure_of_data_says_their_origin(kind):
    fit = fake_fit(3, 2, kind=kind)
    said = "SIMULATED DATA" if kind == "simulated" else f"{kind} data"
    figures = [draw(fit) for draw in FIGURES.values()]
    figures += [DRAWN[name](fit, Figure().subplots()).figure for name in ("curves", "family", "emergence")]
    assert all(said in all_text(figure) for figure in figures)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_figure_has_the_one_style(fit, draw):
    for ax in draw(fit).axes:
        assert not ax.spines["top"].get_visible() or ax.get_label() == "<colorbar>"
        assert {t.get_fontsize() for t in ax.get_xticklabels()} <= {RC["xtick.labelsize"]}


def test_points_are_accuracies_at_their_place(fit, ax):
    plots.plot_curves(fit, ax, task="task_01", models=["model-02"])
    one = fit.data.sel(model="model-02", task="task_01")
    drawn = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(drawn, np.c_[np.log10(one["tokens"]), one["n_correct"] / one["n_trials"]])


def test_whiskers_add_one_interval_per_point(fit, ax):
    plots.plot_curves(fit, ax, task="task_01", models=["model-02"], whiskers=True)
    assert len(ax.collections[-1].get_segments()) == fit.data.sizes["checkpoint"]


def test_curves_end_where_their_model_ends():
    fit = fake_fit(2, 2)
    fit.data["n_trials"][0, 12:] = fit.data["n_correct"][0, 12:] = 0
    ax = plots.plot_curves(fit, Figure().subplots(), task="task_00", models=["model-00"])
    x = max((line.get_xdata() for line in ax.lines), key=len)
    assert x[-1] <= np.log10(fit.data["tokens"].values[0, 12])


def test_medians_lie_on_the_true_curve(fit):
    bands = curve_bands(fit)
    for curve in range(3):
        x, k, n = bands.curves.points(curve)
        middle = np.interp(x, bands.x, bands.quantiles[2, curve])
        assert np.abs(middle - k / n).mean() < 0.04


def test_fast_quantiles_are_numpys():
    draws = np.random.default_rng(0).normal(size=(501, 3, 4))
    np.testing.assert_allclose(quantiles(draws), np.quantile(draws, LEVELS, axis=0), rtol=1e-5)


def test_bands_do_not_depend_on_how_they_are_cut_for_memory(fit, monkeypatch):
    whole = curve_bands(fit).quantiles
    monkeypatch.setattr("emergelaw.plots.bands._VALUES_AT_ONCE", 1)
    np.testing.assert_array_equal(curve_bands(fit).quantiles, whole)


def test_binomial_interval_is_exact():
    k, n = np.array([0, 7, 20]), np.array([20, 20, 20])
    low, high = binomial_interval(k, n)
    assert low[0] == 0 and high[2] == 1
    assert binom.sf(6, 20, low[1]) == pytest.approx(0.025) and binom.cdf(7, 20, high[1]) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda fit: plots.plot_curves(fit, task="task_1"),
            r"expected a task of this fit, got 'task_1' \(did you mean 'task_01'\?\): choose from task_00, task_01",
        ),
        (
            lambda fit: plots.plot_curves(fit, task="task_01", models=["x"]),
            "expected a model of this fit, got 'x': choose from model-00",
        ),
        (
            lambda fit: plots.plot_family(fit, task="task_01", families=["evn"]),
            r"expected a family of this fit, got 'evn' \(did you mean 'even'\?\)",
        ),
    ],
)
def test_unknown_names_get_one_sentence(fit, draw, message):
    with pytest.raises(InputError, match=message):
        draw(fit)


def test_the_chart_lists_tasks_from_early_to_late_with_their_probabilities(fit, ax):
    plots.plot_emergence(fit, ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == [row.task for row in task_rows(fit)]
    assert {"P(emerged)", "1.00", "0.01", ">300B"} <= {t.get_text() for t in ax.texts}


def test_the_chart_ticks_only_models_that_emerged(fit, ax):
    plots.plot_emergence(fit, ax)
    emerged = (measured(fit).p_emerged > 0.5).sum()
    assert sum(len(c.get_offsets()) for c in ax.collections) == emerged == 9


def test_models_are_coloured_by_size_and_told_apart_without_sizes():
    data = fake_fit(2, 5).data
    light = [0.2 * c[0] + 0.7 * c[1] + 0.1 * c[2] for c in model_colors(data).values()]
    assert light == sorted(light)
    unknown = data.assign_coords(params=("model", np.full(5, np.nan)))
    assert len(set(model_colors(unknown).values())) == 5


@pytest.mark.parametrize(("low", "high", "most"), [(6.3, 11.5, 3), (6.3, 11.5, 8), (9.1, 9.8, 5), (3.0, 23.0, 2)])
def test_log_ticks_are_few_and_round(low, high, most):
    at = ticks(named("tokens"), low, high, most)
    assert 1 <= len(at) <= most and (at >= low).all() and (at <= high).all()
    assert all(float(f"{10**t:.0e}") == pytest.approx(10**t) for t in at)


def test_a_loss_axis_runs_down(fit, ax):
    fit = fake_fit(2, 2)
    loss = 11 - 0.8 * (np.log10(fit.data["tokens"].values) - 6)
    fit.data = fit.data.assign_coords(loss=(("model", "checkpoint"), loss))
    fit.axis = named("loss")
    fit.draws["onset"][:] = -8.0
    plots.plot_curves(fit, ax, task="task_00")
    labels = [float(t.get_text()) for t in ax.get_xticklabels()]
    assert labels == sorted(labels, reverse=True) and ax.get_xlabel() == "loss"


def test_a_task_figure_shows_each_model_once_and_the_families():
    fig = plots.task_figure(fake_fit(1, 13), "task_00")
    legends = [ax.get_legend() for ax in fig.axes if ax.get_legend()]
    named_models = [t.get_text() for legend in legends[:-1] for t in legend.get_texts()]
    assert sorted(named_models) == [f"model-{m:02d}" for m in range(13)]
    assert max(len(legend.get_texts()) for legend in legends[:-1]) <= 5
    assert [t.get_text() for t in legends[-1].get_texts()] == ["even", "odd", "new member, 90 %"]


def test_the_grid_has_one_panel_per_task(fit):
    titles = [ax.get_title("left") for ax in plots.plot_grid(fit).axes if ax.get_title("left")]
    assert titles == ["task_00", "task_01", "task_02", "task_03"]


def test_worst_parameters_come_first_and_constants_are_left_out():
    fit = fake_fit(2, 2)
    posterior = fit.posterior["posterior"].to_dataset().copy(deep=True)
    posterior["ceiling"][1, :, 3] += 5
    posterior["fixed"] = ("chain", "draw"), np.ones((4, 50))
    found = parameters(posterior)
    assert found[0].name == "ceiling[model-01, task_01]" and found[0].rhat > 1.5
    assert len(found) == 9 and not [p for p in found if p.name == "fixed"]
    np.testing.assert_array_equal(found[0].draws, posterior["ceiling"][:, :, 3])


@pytest.mark.parametrize(
    ("text", "x", "density"),
    [
        ("Normal(0, 0.1)", 0.0, 3.98942),
        ("HalfNormal(0.5)", 0.0, 1.59577),
        ("Gamma(2, 4)", 0.5, 1.08268),
        ("Exponential(rate=2)", 0.0, 2.0),
        ("Uniform(1, 3)", 2.0, 0.5),
        ("LogNormal(0, 1)", 1.0, 0.398942),
    ],
)
def test_prior_texts_are_read_in_numpyros_notation(text, x, density):
    assert parse_prior(text).pdf(x) == pytest.approx(density, rel=1e-4)


@pytest.mark.parametrize("text", ["Normal(logit(chance), 0.25)", "Normal(mean, 1)", "Horseshoe(1)", "Normal(0)", ""])
def test_priors_without_a_density_of_their_own_are_shown_as_text(fit, ax, text):
    plots.plot_prior_posterior({**fit.priors[0], "prior": text}, ax)
    assert not ax.collections and text in ax.get_title("left")


def test_prior_curves_need_no_fit(ax):
    x = np.linspace(6, 11, 40)
    curves = np.random.default_rng(0).uniform(size=(80, 40))
    assert plots.plot_prior(named("tokens"), x, curves, ax, chance=0.25, shown=10) is ax
    assert sum(len(line.get_xdata()) == 40 for line in ax.lines) == 11
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(curves, 0), rtol=1e-6)


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_equal_fits_give_equal_files(tmp_path, ending):
    files = []
    for name in ("a", "b"):
        fig = plots.plot_curves(fake_fit(2, 2), Figure().subplots(), task="task_00").figure
        files.append(plots.save(fig, tmp_path / f"{name}.{ending}").read_bytes())
    assert files[0] == files[1]
