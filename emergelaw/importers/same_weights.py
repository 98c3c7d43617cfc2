"""Measurements of the same weights under two names, found by equal answers on most tasks."""

from typing import Any

import pandas as pd

from emergelaw.importers.common import Log

EQUAL = 0.5  # share of tasks with equal counts: .02–.42 between different models, .65–1 for the same weights
TRAINED = 100  # before this step the deduplicated twin is nearly equal anyway: both start from the same weights
ENOUGH = 5  # tasks, below which equal counts may be chance


def drop_step_one(cells: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Drop step 1 where it repeats step 0: the learning rate of the first step is zero."""
    zero, one = (cells[cells["step"] == s].set_index(["model", "n_shots", "task"])["n_correct"] for s in (0, 1))
    equal = (one == zero.reindex(one.index)).groupby(level=[0, 1]).mean()
    same = equal.index[equal > 1 - EQUAL / 5]
    drop = (cells["step"] == 1) & pd.MultiIndex.from_frame(cells[["model", "n_shots"]]).isin(same)
    if drop.any():
        log.add(
            f"dropped step 1 of {len(same.unique(0))} model(s): it repeats step 0, whose learning rate is zero",
            int(drop.sum()),
        )
    return cells[~drop]


def mark_same_weights(cells: pd.DataFrame, log: Log) -> list[dict[str, Any]]:
    """Return the deduplicated models whose checkpoints are those of their twin, with the steps where they are."""
    later = cells[cells["step"] >= TRAINED].set_index(["n_shots", "step", "task"])
    found = []
    for model in sorted(later["model"].unique()):
        twin = model.replace("-deduped", "")
        if twin == model or not (later["model"] == twin).any():
            continue
        steps = _equal_checkpoints(*(later.loc[later["model"] == m, "n_correct"] for m in (model, twin)))
        if steps:
            found.append({"model": model, "same_weights_as": twin, "checkpoints": steps})
            log.add(
                f"marked {model} (design_same_weights_as = {twin}): {len(steps)} of its checkpoints from step "
                f"{TRAINED} on answer most tasks as its twin does, so the same weights were evaluated twice"
            )
    return found


def _equal_checkpoints(a: pd.Series, b: pd.Series) -> list[str]:
    a, b = a.align(b, join="inner")
    by = (a == b).groupby(level=["n_shots", "step"])
    share = by.mean()[by.size() >= ENOUGH]
    return [f"step{step:g} ({shots:g}-shot)" for shots, step in share.index[share > EQUAL]]
