"""Prior predictive curves: independent of the counts, as the model file says, drawn and told."""

import jax
import numpy as np
import pytest
from numpyro.handlers import seed, substitute, trace
from random_data import grid
from scipy.stats import ks_2samp, kstest
from typer.testing import CliRunner

from emergelaw import dataset, modelfile, shipped
from emergelaw.cli import app
from emergelaw.design import design
from emergelaw.errors import InputError
from emergelaw.laws.trajectory import Trajectory
from emergelaw.prior import draw, prior


def model(name="trajectory"):
    return modelfile.load(shipped.find_model(name))


@pytest.fixture(scope="module")
def ds():
    return grid(np.full((2, 6, 3), 30), tokens=np.geomspace(1e6, 1e11, 6))


@pytest.fixture(scope="module")
def drawn(ds):
    return prior(ds, model(), draws=60)


def test_counts_play_no_part(ds, drawn):
    other = prior(ds.assign(n_correct=ds["n_correct"] + 60), model(), draws=60)
    for name, values in drawn.draws.items():
        np.testing.assert_array_equal(values, other.draws[name])


def test_a_lone_curve_has_the_onset_the_model_file_states():
    one = prior(grid(np.full((1, 6, 1), 30), tokens=np.geomspace(1e6, 1e11, 6)), model(), draws=2000)
    onset = (one.draws["onset"] - 6) / 5  # in fractions of the observed range
    stated = model().priors["onset_mean"]
    assert onset.mean() == pytest.approx(stated.location, abs=4 * stated.scale / 2000**0.5)
    assert onset.std() == pytest.approx(stated.scale, rel=0.07)


def test_sites_are_drawn_from_the_distributions_that_the_law_samples(ds):
    law = Trajectory(model("richards"), design(ds))
    drawn = draw(law, seed=0, count=1000)
    sites = trace(seed(law, 0)).get_trace()
    free = {name: site["fn"] for name, site in sites.items() if site["type"] == "sample" and not site["is_observed"]}
    assert {"floor", "shape_mean", "onset_curve_raw"} < set(free)
    for name, distribution in free.items():
        if name == "ceiling_task_raw":  # depends on other sites: the next test
            continue
        uniform = np.asarray(distribution.cdf(drawn[name])).reshape(len(drawn[name]), -1)[:, 0]
        assert kstest(uniform, "uniform").pvalue > 1e-4, name


def test_ceilings_are_drawn_as_the_law_samples_them(ds):
    law = Trajectory(model(), design(ds))
    fixed = {"ceiling_mean": 1.0, "ceiling_task_sd": 0.5, "ceiling_flat_odds": -0.5, "ceiling_mastered_odds": 0.3}
    drawn = draw(law, 0, 1000, fixed)["ceiling_task_raw"].ravel()
    sites = trace(substitute(seed(law, 0), data=fixed)).get_trace()
    numpyros = np.asarray(sites["ceiling_task_raw"]["fn"].sample(jax.random.key(0), (1000,))).ravel()
    assert ks_2samp(drawn, numpyros).pvalue > 1e-4
    weight = np.exp([0.0, -0.5, 0.3])
    found = [np.mean(np.abs(drawn) < 5), np.mean(drawn < -5), np.mean(drawn > 5)]
    assert found == pytest.approx(weight / weight.sum(), abs=0.03)


def test_fixing_one_quantity_moves_no_other(ds):
    law = Trajectory(model(), design(ds))
    free, fixed = draw(law, 0, 5), draw(law, 0, 5, {"onset_mean": 0.5})
    assert (fixed["onset_mean"] == 0.5).all()
    assert {name for name in free if not np.array_equal(free[name], fixed[name])} == {
        name
        for name in free
        if name in ("onset", "onset_mean", "onset_task", "onset_task_loc", "onset_curve", "onset_curve_loc")
    }


def test_shares_are_a_partition(drawn):
    shares = drawn.shares()
    assert set(shares) == {"flat", "before", "inside", "after"}
    assert sum(shares.values()) == pytest.approx(1)
    rise = drawn.draws["ceiling"] - drawn.draws["floor"]
    assert shares["flat"] == pytest.approx(np.mean(rise < 0.03))


def test_curves_rise_from_floors_near_chance(drawn):
    curves = drawn.curves(np.linspace(0, 20, 50))
    assert (np.diff(curves, axis=1) >= 0).all()
    assert np.median(curves[:, 0]) == pytest.approx(0, abs=0.05)
    assert curves.shape == (60, 50) and curves.max() < 1


def test_curves_of_some_tasks_only(drawn):
    x, first = np.linspace(6, 11, 5), drawn.curves(np.linspace(6, 11, 5), np.array([0]))
    alone = [drawn.draws[name][:, 0] for name in ("floor", "ceiling")]
    assert (first >= alone[0][:, None] - 1e-6).all() and (first <= alone[1][:, None] + 1e-6).all()
    assert not np.array_equal(first, drawn.curves(x, np.array([5])))


def test_declining_curves_decline(ds):
    curves = prior(ds, model("decline"), draws=40).curves(np.linspace(0, 30, 80))
    assert (curves[:, -1] < curves.max(1) - 1e-4).mean() > 0.5


@pytest.mark.parametrize("path", sorted(shipped.folder("models").glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_model_has_finite_prior_curves(ds, path):
    found = prior(ds, modelfile.load(path), draws=20)
    curves = found.curves(np.linspace(6, 11, 30))
    assert np.isfinite(curves).all() and (curves > 0).all() and (curves < 1).all()


def test_no_draws_are_refused(ds):
    with pytest.raises(InputError, match="expected at least 1 draw from the priors, got 0"):
        prior(ds, model(), draws=0)


def test_the_command_tells_and_draws(ds, tmp_path):
    path, out = dataset.save(ds, tmp_path / "x.nc"), tmp_path / "run"
    command = ["prior", str(path), "--model", "richards", "--out", str(out), "--draws", "20"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    for text in ("20 draws of 6 curves", "shape", "onset (tokens)", "between 1M and 100B for", "after 100B for"):
        assert text in done.output
    assert sorted(f.name for f in out.iterdir()) == ["prior.png", "prior.svg"]
    assert "chance 0" in (out / "prior.svg").read_text()
