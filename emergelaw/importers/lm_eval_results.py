"""The `results` of lm-evaluation-harness files, old ('acc') and new ('acc,none') alike: one accuracy per task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers.common import Log
from emergelaw.importers.counts import fraction, standard_error
from emergelaw.importers.sources import table

# The order of preference where a task has several: plain accuracy first, because it needs no normalisation.
ACCURACIES = ("acc", "exact_match", "em", "pass@1", "acc_norm")
FILTERS = ("none", "strict-match", "get-answer", "flexible-extract")
NOT_METRICS = {"alias", "name", "sample_len", "sample_count", " "}


@dataclass(frozen=True)
class Score:
    """The accuracy chosen for a task, and the metrics set aside; metric is '' where none is an accuracy."""

    task: str
    metric: str = ""
    filter: str = ""
    accuracy: float = np.nan
    stderr: float = np.nan
    aside: str = ""


def scores(doc: Mapping[str, Any], where: str, preferred: Sequence[str] = ()) -> list[Score]:
    """Return one score per task; groups, whose pooled errors are not those of a count, are left out."""
    results = doc.get("results")
    if isinstance(results, list):
        raise InputError(
            f"expected 'results' to be a JSON object with one entry per task, got a list in {where}: "
            "winobias evaluations are lists of prompts and have no accuracy per task to import"
        )
    groups = group_names(doc, where)
    entries = table(results, "'results'", where)
    return [
        _score(task, table(entry, f"the result of task {task!r}", where), where, (*preferred, *ACCURACIES))
        for task, entry in entries.items()
        if task not in groups
    ]


def group_names(doc: Mapping[str, Any], where: str) -> set[str]:
    """Return the names in `results` that pool other tasks."""
    parents = table(doc.get("group_subtasks") or {}, "'group_subtasks'", where)
    return set(table(doc.get("groups") or {}, "'groups'", where)) | {name for name, parts in parents.items() if parts}


def _score(task: str, entry: Mapping[str, Any], where: str, order: Sequence[str]) -> Score:
    keys = [k for k in entry if k not in NOT_METRICS and not k.partition(",")[0].endswith("_stderr")]
    accuracies = sorted((k for k in keys if k.partition(",")[0] in order), key=lambda k: _rank(k, order))
    if not accuracies:
        return Score(task, aside=", ".join(sorted(keys)))
    metric, comma, how = accuracies[0].partition(",")
    error = f"{metric}_stderr{comma}{how}"
    accuracy = fraction(entry[accuracies[0]], f"{accuracies[0]!r} of task {task!r}", where)
    stderr = standard_error(entry.get(error), f"{error!r} of task {task!r}", where)
    return Score(task, metric, how or "none", accuracy, stderr, ", ".join(accuracies[1:]))


def _rank(key: str, order: Sequence[str]) -> tuple[int, int, str]:
    metric, _, how = key.partition(",")
    how = how or "none"
    return order.index(metric), FILTERS.index(how) if how in FILTERS else len(FILTERS), how


def without_accuracy(rows: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Drop tasks that have no accuracy, and tell what was chosen where there were several."""
    for metrics, tasks in rows[rows["metric"] == ""].groupby("aside")["task"].unique().items():
        names = ", ".join(tasks[:3]) + (", …" if len(tasks) > 3 else "")
        log.add(f"left out {len(tasks)} task(s) without an accuracy ({names}): only {metrics or 'no metric at all'}")
    rows = rows[rows["metric"] != ""]
    for (metric, how, aside), times in rows[rows["aside"] != ""].groupby(["metric", "filter", "aside"]).size().items():
        log.add(f"kept {metric},{how} and set aside {aside} of the same answers", times)
    return rows
