"""Simulated data sets: as asked for, the same for the same seed, with counts that follow the stated truth."""

import shlex

import numpy as np
import pytest
from conftest import ROOT
from fakes import gompertz
from random_data import grid
from typer.testing import CliRunner

import emergelaw
from emergelaw import dataset
from emergelaw.cli import app
from emergelaw.design import design
from emergelaw.errors import InputError
from emergelaw.simulation import schedule, simulate, simulate_from

SMALL = {"models": 3, "tasks": 4, "checkpoints": 8}
BINOMIAL_NOISE = {"dispersion_mean": 0.0, "dispersion_task_sd": 0.0}


@pytest.fixture(scope="module")
def small():
    return simulate(**SMALL, seed=1)


def expected(ds, truth):
    """Return probabilities (model, checkpoint, task) on Gompertz curves, written down independently of the law."""
    p = [truth[name].values[:, None, :] for name in ("floor", "ceiling", "onset", "width")]
    return gompertz(np.log10(ds["tokens"].values)[:, :, None], *p)


def residuals(ds, truth):
    p, n = expected(ds, truth), ds["n_trials"].values
    return (ds["n_correct"].values - n * p) / np.sqrt(n * p * (1 - p))


def test_a_seed_decides_everything(small):
    ds, _ = simulate(**SMALL, seed=1)
    assert ds.identical(small[0])
    assert not simulate(**SMALL, seed=2)[0]["n_correct"].equals(ds["n_correct"])


def test_the_truth_travels_with_the_file(small, tmp_path):
    ds, truth = small
    again = emergelaw.open(dataset.save(ds, tmp_path / "x.nc"))
    assert again.identical(ds)
    for name in truth:
        np.testing.assert_array_equal(again[f"true_{name}"], truth[name])
    told = dataset.provenance(again)
    assert (told["kind"], told["seed"], told["model"]) == ("simulated", 1, "trajectory")
    assert told["options"]["models"] == 3


def test_a_study_has_the_size_asked_for():
    ds, _ = simulate(models=5, families=2, tasks=3, checkpoints=6, trials=40, untrained=True)
    assert dict(ds.sizes) == {"model": 5, "checkpoint": 7, "task": 3}
    assert list(np.unique(ds["family"], return_counts=True)[1]) == [3, 2]
    assert set(np.unique(ds["n_trials"])) == {40}
    assert (ds["tokens"].values[:, 0] == 0).all()
    np.testing.assert_allclose(np.diff(np.log(np.unique(ds["params"]))), np.log(12e9 / 7e7) / 2, rtol=0.02)


def test_missing_cells_are_not_zeros():
    n = simulate(missing=0.3)[0]["n_trials"].values
    assert np.mean(n[:, 1:] == 0) == pytest.approx(0.3, abs=0.05)
    assert (n[:, 0] > 0).all()


def test_flat_tasks_hardly_rise():
    rising = {"ceiling_mean": 3.0, "ceiling_task_sd": 0.0, "ceiling_flat_odds": -50.0, "ceiling_mastered_odds": -50.0}
    ds, truth = simulate(**SMALL, flat=0.5, fixed=rising)
    flat = truth["flat"].values.astype(bool)
    assert flat.all(0).sum() == 2 and flat.any(0).sum() == 2
    rise = expected(ds, truth)[:, -1] - truth["floor"].values
    assert rise[flat].max() < 0.01 < 0.1 < (truth["ceiling"] - truth["floor"]).values[~flat].min()


@pytest.mark.parametrize("phi", [0.2, 1.0, 5.0])
def test_counts_scatter_around_the_truth_as_widely_as_it_says(phi):
    fixed = BINOMIAL_NOISE | {"dispersion_mean": np.log(phi), "ceiling_mean": 0.0}
    ds, truth = simulate(models=6, tasks=20, trials=2000, fixed=fixed)
    z = residuals(ds, truth)
    z = z[np.abs(z) < 6 * np.sqrt(phi)]  # one cell in a thousand may be anything
    assert z.mean() == pytest.approx(0, abs=4 * np.sqrt(phi / z.size))
    assert z.var() == pytest.approx(phi, rel=0.12)


def test_binomial_counts_have_binomial_variance():
    z = residuals(*simulate("binomial", models=6, tasks=20, trials=2000))
    assert z.var() == pytest.approx(1, rel=0.12)


def test_untrained_checkpoints_are_at_the_floor():
    ds, truth = simulate(**SMALL, untrained=True, trials=100_000, fixed=BINOMIAL_NOISE | {"onset_mean": 0.0})
    np.testing.assert_allclose(ds["n_correct"][:, 0] / 100_000, truth["floor"], atol=0.01)


def test_simulating_from_a_data_set_keeps_what_was_measured():
    k = np.zeros((2, 5, 2), int)
    n = np.full(k.shape, 70)
    n[1, 3:, 0] = 0
    real = grid(k, n)
    ds, truth = simulate_from(real, seed=4)
    np.testing.assert_array_equal(ds["n_trials"], real["n_trials"])
    assert (ds["n_correct"].values[n == 0] == 0).all() and (ds["n_correct"].values[n > 0] > 0).any()
    assert dataset.provenance(ds)["kind"] == "simulated"
    assert not simulate_from(real, seed=5)[0].equals(ds)
    assert simulate_from(ds, seed=4)[1].identical(truth)  # an earlier truth is no part of the data


def test_equal_names_over_different_items_have_different_truths():
    real = grid(np.zeros((2, 6, 1), int))
    apart = real.assign_coords(item_set=(("model", "task"), np.array([["a"], ["b"]], object)))
    together = simulate_from(real)[1]["floor"].values
    assert together[0] == together[1]
    split = simulate_from(apart)[1]["floor"].values
    assert split[0] != split[1]


def test_fits_do_not_see_the_truth(small):
    ds, _ = small
    blind = ds.drop_vars([c for c in ds.coords if c.startswith("true_")])
    seen, unseen = vars(design(ds)), vars(design(blind))
    for name, value in seen.items():
        np.testing.assert_array_equal(value, unseen[name], err_msg=name)


def test_schedules_begin_in_logarithms_and_end_evenly():
    tokens = schedule(2**21, 143_000 * 2**21, 16)
    np.testing.assert_allclose(np.diff(tokens[8:]), tokens[-1] / 8, rtol=1e-4)
    np.testing.assert_allclose(np.diff(np.log(tokens[2:9])), np.log(tokens[8] / tokens[7]), rtol=0.1)
    assert tokens[0] == 2**21 and tokens[-1] == 143_000 * 2**21


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modles": 3}, r"expected options among models, .*, got 'modles' \(did you mean 'models'\?\)"),
        ({"models": 0}, r"expected at least 1 models, got 0"),
        ({"missing": 0.95}, r"expected missing between 0 and 0\.9, got 0\.95"),
        ({"flat": -0.1}, r"expected flat between 0 and 1, got -0\.1"),
        ({"tokens": (1e9, 1e6)}, r"expected tokens as two rising numbers"),
        ({"checkpoints": 200}, r"expected room for 200 checkpoints between 2\.1M and 300B tokens"),
        ({"fixed": {"onset_maen": 1}}, r"got 'onset_maen' \(did you mean 'onset_mean'\?\): rename"),
        ({"fixed": {"onset_task_raw": 1}}, r"got 'onset_task_raw'"),
        ({"fixed": {"floor": [0.2, 0.3]}}, r"expected a number or 12 numbers to fix floor at, got \[0\.2, 0\.3\]"),
        ({"fixed": {"onset_mean": "early"}}, r"expected a number to fix onset_mean at, got 'early'"),
    ],
)
def test_mistakes_are_explained(options, message):
    with pytest.raises(InputError, match=message):
        simulate(**options)


def test_the_command_writes_and_says_simulated(tmp_path):
    path = tmp_path / "x.nc"
    command = ["simulate", "-o", str(path), "--models", "2", "--tasks", "3", "--seed", "9", "--fix", "onset_mean=0.4"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert "SIMULATED, 2 models × 3 tasks" in done.output
    told = dataset.provenance(emergelaw.open(path))
    assert told["fixed"] == {"onset_mean": 0.4}
    assert told["hyper_parameters"]["onset_mean"] == 0.4


def test_the_command_refuses_what_is_no_number(tmp_path):
    done = CliRunner().invoke(app, ["simulate", "-o", str(tmp_path / "x.nc"), "--fix", "onset_mean"])
    assert isinstance(done.exception, InputError)
    assert "expected --fix NAME=VALUE with a number, got 'onset_mean'" in str(done.exception)


def test_the_documented_command_makes_the_shipped_data_set(tmp_path):
    lines = (ROOT / "data" / "README.md").read_text().replace("\\\n", " ").splitlines()
    (recipe,) = [line for line in lines if line.strip().startswith("emergelaw simulate")]
    words = [str(tmp_path / "x.nc") if w == "data/simulated.nc" else w for w in shlex.split(recipe)[1:]]
    assert CliRunner().invoke(app, words).exit_code == 0
    made, shipped = emergelaw.open(tmp_path / "x.nc"), emergelaw.open(ROOT / "data" / "simulated.nc")
    assert dataset.provenance(made) == dataset.provenance(shipped)
    np.testing.assert_array_equal(made["n_trials"], shipped["n_trials"])
    assert np.mean(made["n_correct"] != shipped["n_correct"]) < 0.01  # rounding differs between processors
    for name in ("onset", "ceiling"):
        np.testing.assert_allclose(made[f"true_{name}"], shipped[f"true_{name}"], rtol=1e-6)
