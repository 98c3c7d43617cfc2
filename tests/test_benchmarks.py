"""The benchmark scripts: what in them could be wrong without looking wrong."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest
from tiny_fit import simulated

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import heldout
import isolated
import results_table
import sbc


@pytest.mark.parametrize("p", [0.001, 0.3, 0.999])
def test_pit_of_a_right_prediction_is_uniform_however_discrete(p):
    rng = np.random.default_rng(1)
    counts, k = rng.binomial(20, p, (200, 5000)), rng.binomial(20, p, 5000)
    pit = heldout.randomised_pit(counts, k, rng)
    assert kstest(pit, "uniform").pvalue > 1e-3
    assert heldout.covered(pit, 0.5) == pytest.approx(0.5, abs=0.03)


def test_pit_tells_predictions_that_are_too_narrow_or_off():
    rng = np.random.default_rng(2)
    k = rng.binomial(100, 0.5, 5000)
    sure = heldout.randomised_pit(np.full((200, 5000), 50), k, rng)
    low = heldout.randomised_pit(rng.binomial(100, 0.3, (200, 5000)), k, rng)
    assert heldout.covered(sure, 0.9) < 0.2
    assert low.mean() > 0.95


def test_hidden_cells_are_hidden_and_remembered():
    full = simulated()
    ds, cells = heldout.hide(full, seed=3)
    place = cells.model, cells.checkpoint, cells.task
    assert (ds["n_trials"].values[place] == 0).all() and (ds["n_correct"].values[place] == 0).all()
    np.testing.assert_array_equal(full["n_correct"].values[place], cells.k)
    np.testing.assert_array_equal(full["n_trials"].values[place], cells.n)
    assert int(ds["n_trials"].sum()) + cells.n.sum() == int(full["n_trials"].sum())
    assert (ds["n_trials"] > 0).any("checkpoint").all()
    assert len(cells.k) == pytest.approx(heldout.SHARE * full["n_trials"].size, abs=6)


def test_the_straight_line_goes_through_the_neighbours():
    full = simulated(noise="none")
    ds, cells = heldout.hide(full, seed=3)
    inner = np.flatnonzero((cells.checkpoint > 0) & (cells.checkpoint < full.sizes["checkpoint"] - 1))
    line = heldout.interpolated(ds, full, cells, "tokens")[inner]
    share = (full["n_correct"] / full["n_trials"]).values
    assert (line >= share.min() - 1e-9).all() and (line <= share.max() + 1e-9).all()
    flat = full["task"].values[cells.task[inner]] == "flat"
    np.testing.assert_allclose(line[flat], 0.5)


def row(name, seed, value):
    return {"data set": name, "seed": seed, "value": value}


def write(path, *rows, measured="on a machine"):
    return results_table.merge(path, rows, ("data set", "seed"), "Title", "Notes.", measured)


def test_measuring_a_row_again_replaces_it_and_keeps_the_others(tmp_path):
    write(tmp_path / "x.md", row("b", 10, 1.0), row("a", 0, 2.0))
    write(tmp_path / "x.md", row("b", 2, 123456), row("a", 0, 0.123456))
    found = results_table.read(tmp_path / "x.md")
    assert [tuple(r.values()) for r in found] == [("a", "0", "0.1235"), ("b", "2", "123,456"), ("b", "10", "1")]


def test_rows_of_other_versions_do_not_stay_beside_new_ones(tmp_path):
    write(tmp_path / "x.md", row("a", 0, 1.0), measured="with version 1")
    text = write(tmp_path / "x.md", row("b", 0, 2.0), measured="with version 2")
    assert "| a |" not in text and "| b |" in text and "version 1" not in text


def test_the_command_of_a_row_can_be_typed():
    told = results_table.command("somewhere/benchmarks/x.py", sets="a b", max_draws=100)
    assert told == "`python benchmarks/x.py --sets 'a b' --max-draws 100`"


def test_interrupted_and_foreign_replicates_are_computed_again(tmp_path):
    ours, other = {"seed": 1, "model": sbc.model_sha256()}, {"seed": 2, "model": "another"}
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(ours)}\n{json.dumps(other)}\n{json.dumps(ours)[:9]}")
    assert sbc.stored(path) == [ours]
    assert sbc.stored(tmp_path / "none.jsonl") == []


def test_ranks_tell_calibrated_from_overconfident_posteriors():
    rng = np.random.default_rng(0)
    fair = sbc.row("a", rng.integers(0, sbc.RANKS, 2000))
    overconfident = sbc.row("a", rng.choice([0, 1, 98, 99], 2000))
    assert float(fair["χ² p"]) > 1e-3 and float(fair["covered 90 %"].rstrip(" %")) == pytest.approx(90, abs=3)
    assert float(fair["covered 50 %"].rstrip(" %")) == pytest.approx(50, abs=4)
    assert float(overconfident["χ² p"]) < 1e-3 and overconfident["covered 90 %"] == "0.0 %"


def test_every_possible_rank_has_its_bin():
    counts = sbc.histogram(np.arange(sbc.RANKS))
    assert (counts == sbc.RANKS // sbc.BINS).all() and len(counts) == sbc.BINS


def test_what_takes_too_long_is_stopped_and_what_ends_answers():
    assert isolated.isolated(max, 2, 3, minutes=2) == 3
    assert isolated.isolated(_sleep, 60, minutes=0.001) is None


def _sleep(seconds):
    import time

    time.sleep(seconds)


def test_cold_caches_leave_the_environment_as_it_was(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "mine")
    with isolated.cold_caches():
        assert os.environ["XDG_CACHE_HOME"] != "mine" and not os.listdir(os.environ["XDG_CACHE_HOME"])
    assert os.environ["XDG_CACHE_HOME"] == "mine"


def test_the_summary_of_a_calibration_counts_what_converged(tmp_path):
    rng = np.random.default_rng(0)
    good = {"status": "converged", "max_rhat": 1.005, "min_ess": 500, "divergences": 0, "seconds": 10.0}
    bad = good | {"status": "not-mixed", "max_rhat": 1.2}
    ranks = [{"a": int(rng.integers(sbc.RANKS)), "b": 0} for _ in range(40)]
    found = [{**(bad if i < 4 else good), "ranks": one} for i, one in enumerate(ranks)]
    text = sbc.summary(found, "`how`")
    assert "36 converged, 4 not-mixed" in text and "r-hat and ESS good in 36" in text
    assert "| `b` | 0.000 | 0.000 | 0.0 % | 0.0 % |" in text
    sbc.draw_histograms(sbc.ranks_of(found), tmp_path / "x.svg")
    assert (tmp_path / "x.svg").read_text().count('id="axes_') == 2
