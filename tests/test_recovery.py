"""Parameter recovery: truth drawn from a model, counts drawn from the truth, and the same model fitted to them."""

import numpy as np
import pytest
from tiny_fit import MODELS as CEILINGS
from tiny_fit import TASKS

from emergelaw import fits, shipped
from emergelaw.simulation import simulate

MODELS = sorted(path.stem for path in shipped.folder("models").glob("*.toml"))
STUDY = {"models": 4, "families": 1, "tasks": 8, "checkpoints": 12, "trials": 1000}
EMERGING = {  # most tasks rise within the range, so that there is something to recover
    "onset_mean": 0.5,
    "onset_task_sd": 0.15,
    "width_mean": -0.3,
    "ceiling_mean": 0.5,
    "ceiling_task_sd": 0.7,
    "ceiling_flat_odds": -2.0,
    "ceiling_mastered_odds": -3.0,
}


def recovered(model, seed=0):
    """Return posterior draws (sample, value) and truths (value,) of onsets and ceilings of all emerged curves."""
    ds, truth = simulate(model, seed=seed, fixed=EMERGING, **STUDY)
    found = fits.fit(ds, model, seed)
    assert found.result["converged"], found.result["status_sentence"]
    labels = [found.draws[dim].values for dim in ("model", "task")]
    true = truth.stack(curve=("model", "task")).sel(curve=list(zip(*labels, strict=True)))
    emerged = ((true["flat"] == 0) & (true["onset"] < np.log10(ds["tokens"].max()).item())).values
    assert emerged.sum() >= 20
    return {name: (found.draws[name].values[:, emerged], true[name].values[emerged]) for name in ("onset", "ceiling")}


def inside(draws, truth, level):
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.mean((low <= truth) & (truth <= high))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_emerged_curves_are_recovered(model):
    values = recovered(model)
    cover = {level: np.mean([inside(*pair, level) for pair in values.values()]) for level in (0.5, 0.9)}
    assert 0.80 <= cover[0.9] <= 0.98  # of about 60 values, some of which share their errors
    assert 0.33 <= cover[0.5] <= 0.70
    for name, (draws, truth) in values.items():
        score = (draws.mean(0) - truth) / draws.std(0)
        assert abs(score.mean()) < 0.6, name  # bias in posterior standard deviations
        assert np.corrcoef(draws.mean(0), truth)[0, 1] > 0.95, name


def test_a_small_fit_recovers_onset_and_ceiling(tiny_fit):
    draws = tiny_fit.draws
    for i, (model, task) in enumerate(zip(draws["model"].values, draws["task"].values, strict=True)):
        if task == "flat":
            continue
        for name, true in (("onset", TASKS[task][1]), ("ceiling", CEILINGS[model])):
            low, high = np.quantile(draws[name].values[:, i], (0.005, 0.995))
            assert low < true < high, (model, task, name)
            assert high - low < 1.0
