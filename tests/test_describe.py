"""What `data describe` says, against data with known properties and against figures measured independently."""

import json

import numpy as np
import pandas as pd
import pytest
from random_data import grid, some_vectors
from typer.testing import CliRunner

from emergelaw import dataset
from emergelaw.cli.data import app
from emergelaw.describe import describe, dispersion, log_position, repeats, shape_of

X = np.linspace(8, 12, 24)
RNG = np.random.default_rng(7)


def counts(p, n, scale=1.0):
    """Draw counts around p with `scale` times the binomial standard deviation."""
    noise = RNG.normal(size=np.shape(p)) * np.sqrt(p * (1 - p) / n) * scale
    return np.round((p + noise) * n)


def test_dispersion_of_one_curve_against_polyfit():
    n = np.full(24, 1000)
    k = counts(0.3 + 0.02 * (X - 10), n)
    late, p = X[12:], k[12:] / 1000
    fit = np.polyval(np.polyfit(late, p, 2), late)
    expected = ((p - fit) ** 2).sum() / 9 / (fit * (1 - fit) / 1000).mean()
    assert dispersion(k, n, X) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_dispersion_recovers_the_scale_of_the_noise_whatever_the_trend(scale):
    n = np.full((200, 24), 50_000)
    smooth = 0.3 + 0.2 * RNG.uniform(-1, 1, (200, 1)) * (X - 10) / 2
    assert dispersion(counts(smooth, n, scale), n, X) == pytest.approx(scale**2, rel=0.08)


def test_gaps_and_untrained_checkpoints_do_not_count():
    n, k = np.full(25, 400), np.r_[99, counts(np.full(24, 0.4), 400)]
    x = np.r_[-np.inf, X]
    n[3] = n[20] = 0
    shorter = np.delete(np.arange(25), [3, 20])
    assert dispersion(k, n, x) == pytest.approx(dispersion(k[shorter], n[shorter], x[shorter]))
    assert np.isfinite(dispersion(k, n, x))


def test_dispersion_is_unknown_without_enough_points_or_variance():
    assert np.isnan(dispersion(np.array([1, 2, 3, 4, 5, 6]), np.full(6, 10), X[:6]))
    assert np.isnan(dispersion(np.zeros(24), np.full(24, 10), X))
    assert np.isnan(dispersion(np.full(24, 10), np.full(24, 10), X))
    assert dispersion(np.full(24, 3), np.full(24, 10), X) == 0


def test_shapes():
    n, rise = np.full(24, 2000), 1 / (1 + np.exp(-3 * (X - 10)))
    assert shape_of(counts(np.full(24, 0.3), n), n, 1.0) == "flat"
    assert shape_of(np.zeros(24), n, 0.0) == "flat"
    assert shape_of(counts(0.2 + 0.5 * rise, n), n, 1.0) == "rising"
    assert shape_of(counts(0.7 - 0.5 * rise, n), n, 1.0) == "falling"
    assert shape_of(counts(0.2 + 2 * rise * (1 - rise), n), n, 1.0) == "non-monotone"
    assert shape_of(np.array([1, 9]), np.array([10, 10]), 1.0) == "too short"
    swings = counts(np.full(24, 0.3), n, scale=6)
    assert shape_of(swings, n, 1.0) == "non-monotone" and shape_of(swings, n, 40.0) == "flat"


def test_flat_curves_are_called_flat_at_the_level_of_the_test():
    n = np.full(24, 500)
    flat = [shape_of(RNG.binomial(n, 0.4), n, 1.0) == "flat" for _ in range(1000)]
    assert 0.975 <= np.mean(flat) <= 0.999


def test_holes_and_item_sets():
    n = np.full((2, 4, 3), 100)
    n[0, 1, 2] = n[0, 2, 1] = 0  # holes
    n[1, :, 0] = 0  # a task this model never saw is no hole
    n[1, 3, :] = 0  # a checkpoint this model never had neither
    ds = grid(RNG.integers(20, 80, n.shape) * (n > 0), n)
    ds = ds.assign_coords(item_set=(("model", "task"), np.array([["a", "b", "c"], ["z", "b", "d"]], object)))
    found = describe(ds)
    assert found["holes"]["count"] == 2 and found["holes"]["first"][0] == {
        "model": "m0",
        "checkpoint": 1,
        "step": 2000,
        "tokens": 2_000_000_000,
        "task": "t2",
    }
    assert [m["holes"] for m in found["models"]] == [2, 0] and [m["checkpoints"] for m in found["models"]] == [4, 3]
    assert found["item_sets_differ"] == ["t2"]
    assert found["cells"] == 24 - 2 - 4 - 2 and found["curves"]["measured"] == 5


def test_tokens_with_gaps_do_not_place_the_checkpoints():
    ds = grid(np.arange(6).reshape(1, 3, 2))
    ds["tokens"].values[0, 1] = np.nan
    assert np.allclose(log_position(ds), np.log10(ds["step"].values))


def test_equal_weights_are_found_and_coincidences_are_not():
    k = RNG.integers(100, 900, (2, 5, 8))
    k[1, 3] = k[0, 2]
    same = repeats(grid(k, 1000))
    assert [[(p["model"], p["checkpoint"]) for p in group] for group in same] == [[("m0", 2), ("m1", 3)]]
    assert repeats(grid(np.zeros((2, 5, 8), int), 1000)) == []  # nothing solved anywhere says nothing about weights
    assert repeats(grid(RNG.integers(3, 6, (2, 30, 2)), 10)) == []  # few small tasks often agree


@pytest.mark.parametrize(
    ("n_shots", "phi", "shapes"),
    [
        (0, (0.29, 0.13, 0.61), {"flat": 331, "rising": 536, "falling": 88, "non-monotone": 85}),
        (5, (0.26, 0.07, 0.73), {"flat": 539, "rising": 325, "falling": 87, "non-monotone": 89}),
    ],
)
def test_figures_of_the_published_pythia_evaluations(shared_data, n_shots, phi, shapes):
    """The figures were computed by others with their own code; their isotonic test differs in detail."""
    found = describe(pythia(shared_data, n_shots).pipe(lambda c: c[c["step"] != 1]).pipe(built))
    spread = found["dispersion"]["curves"]
    assert (spread["median"], spread["q10"], spread["q90"]) == pytest.approx(phi, abs=0.02)
    assert found["curves"]["measured"] == 1040
    for shape, count in shapes.items():
        assert found["curves"][shape] == pytest.approx(count, abs=35), shape


def test_figures_of_the_olmo_ladder(shared_data):
    found = describe(built(named(pd.read_csv(shared_data / "olmo-ladder/olmo_ladder_190M-3B.csv.gz"))))
    spread = found["dispersion"]["curves"]
    assert (spread["median"], spread["q10"], spread["q90"]) == pytest.approx((0.16, 0.11, 0.27), abs=0.01)
    assert found["curves"]["measured"] == 600 and found["dispersion"]["highest"][0]["task"] == "boolq_val_rc"
    assert found["curves"]["rising"] == pytest.approx(512, abs=35)


def test_known_repeats_of_the_published_pythia_evaluations(shared_data):
    found = repeats(built(pythia(shared_data, 5)))
    assert [{p["model"] for p in group} for group in found] == [{"pythia-2.8b", "pythia-2.8b-deduped"}] * 4
    assert [group[0]["step"] for group in found] == [13000, 23000, 33000, 43000]
    untrained = repeats(built(pythia(shared_data, 0)))
    first = {p["model"] for group in untrained for p in group if p["step"] == 0}
    assert len(first) == 16  # step 0 = step 1 in all models


def pythia(shared_data, n_shots):
    cells = pd.read_csv(shared_data / "pythia/pythia_v1_main_acc.csv.gz").query("n_shots == @n_shots")
    return named(cells)


def named(cells):
    return cells.rename(columns={"k": "n_correct", "n": "n_trials"})


def built(cells):
    labels = cells.groupby("model").first(), cells.groupby("task").first()
    return dataset.build(cells, *labels, {"kind": "published", "title": "Pythia"})


def run(*arguments):
    result = CliRunner().invoke(app, ["describe", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_provenance_first_and_json_on_demand(tmp_path):
    k = RNG.integers(100, 900, (2, 12, 6))
    k[1, 3] = k[0, 2]
    ds = grid(k, 1000, models=["org/a", "org/b"], kind="simulated")
    path = dataset.save(ds, tmp_path / "x.nc", some_vectors(ds))
    said = run(path)
    assert said.startswith("SIMULATED grid")
    assert "144 cells in 12 curves" in said and "function vectors: org/a at 12 checkpoints" in said
    assert "probably the same weights:\n  org/a step 3000 = org/b step 4000" in said
    content = json.loads(run(path, "--json"))
    assert next(iter(content)) == "provenance" and content["provenance"]["kind"] == "simulated"
    assert content["vectors"] == {"org/a": 12, "org/b": 12} and len(content["tasks"]) == 6


def test_models_with_steps_alone_are_described(tmp_path):
    cells = pd.DataFrame({"model": "m", "task": "t", "step": range(12), "n_correct": 5, "n_trials": 9})
    ds = dataset.build(cells, pd.DataFrame(index=["m"]), pd.DataFrame(index=["t"]), {"kind": "measured"})
    assert "to step 11" in run(dataset.save(ds, tmp_path / "x.nc"))
