"""Import results of the lm-evaluation-harness, every file format up to 0.4.12, from a file, a folder or an archive."""

from pathlib import Path
from typing import Any

import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers import benchmarks, known_models
from emergelaw.importers.common import Imported, Importer, Log
from emergelaw.importers.counts import label_shots, with_counts
from emergelaw.importers.duplicates import latest
from emergelaw.importers.lm_eval_results import without_accuracy
from emergelaw.importers.lm_eval_runs import rows as run_rows
from emergelaw.importers.lm_eval_samples import check_items, with_items
from emergelaw.importers.revisions import LABELLED, log_notes
from emergelaw.importers.sources import documents, json_value


def miss(sources: list[Path]) -> str | None:
    """Say what these sources lack to be results of the lm-evaluation-harness."""
    found = documents(sources, lambda name: name.endswith(".json"))
    return None if any(b'"results"' in content for _, content in found) else "there is no JSON file with 'results'"


def read(sources: list[Path], metric: str = "") -> Imported:
    """Read every results file; `metric` is preferred over the usual order (acc, exact_match, em, pass@1, acc_norm)."""
    log = Log()
    rows = without_accuracy(_rows(sources, [metric] if metric else [], log), log)
    rows = with_items(rows, documents(sources, lambda name: name.endswith(".jsonl")), log)
    cells = with_counts(rows, {t: n for t in rows["task"].unique() if (n := benchmarks.size(t))}, log)
    check_items(cells, log)
    cells = _one_measure_per_task(_placed(cells, sources, log), log)
    cells = _one_item_set(latest(_exact_tokens(cells, log), log), log)
    models = _models(cells)
    plain = cells["task"]
    cells = cells.assign(task=label_shots(cells), plain=plain)
    return Imported(cells, models, _tasks(cells, log), _provenance(sources, cells), log)


def _rows(sources: list[Path], preferred: list[str], log: Log) -> pd.DataFrame:
    out = []
    for name, content in documents(sources, lambda name: name.endswith(".json")):
        doc = json_value(content, name)
        if isinstance(doc, dict) and "results" in doc:
            out += run_rows(doc, name, preferred, log)
        else:
            log.add(f"left out {name.rpartition('/')[2]}: it has no 'results'")
    if not out:
        raise InputError(
            f"expected at least one results file of the lm-evaluation-harness, got none in "
            f"{', '.join(map(str, sources))}: give its output folder"
        )
    return pd.DataFrame(out)


def _placed(cells: pd.DataFrame, sources: list[Path], log: Log) -> pd.DataFrame:
    """Drop checkpoints that lie nowhere on the training axis."""
    known = cells["step"].notna() | cells["tokens"].notna()
    for (model, revision), lost in cells[~known].groupby(["model", "checkpoint_name"]):
        log.add(f"dropped {model} at revision {revision or '(none)'!r}: it tells neither step nor tokens", len(lost))
    if not known.any():
        raise InputError(
            "expected at least one accuracy of a checkpoint whose revision or path tells step or tokens, "
            f"got none in {', '.join(map(str, sources))}: evaluate with revision=stepN, or import a table"
        )
    return cells[known]


def _one_measure_per_task(cells: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Keep the most frequent metric and filter of each task: two measures make no curve."""
    measure = cells["metric"] + "," + cells["filter"]
    usual = measure.groupby(cells["task"]).transform(lambda s: s.mode().iloc[0])
    for (task, other), times in cells[measure != usual].groupby([cells["task"], measure]).size().items():
        log.add(f"dropped task {task!r} where it was measured by {other} and not by its usual metric", times)
    return cells[measure == usual]


def _exact_tokens(cells: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Replace tokens rounded in revision names by step × rate, where one rate explains all names of a model."""
    tokens, note = cells["tokens"].copy(), cells["note"].copy()
    for _, rows in cells[(note == LABELLED) & cells["step"].gt(0)].groupby("model"):
        last = rows.loc[rows["step"].idxmax()]
        exact = rows["step"] * (last["tokens"] / last["step"])
        if rows["step"].nunique() > 1 and (exact - rows["tokens"]).abs().max() <= 1e9:
            tokens[rows.index] = exact
            note[rows.index] = f"step × {last['tokens'] / last['step']:,.0f} tokens, as the names of revisions round"
    log_notes(zip(cells["model"], note, strict=True), log)
    return cells.assign(tokens=tokens)


def _one_item_set(cells: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Name the item set where all checkpoints of a model agree on it."""
    by = [cells["model"], cells["task"], cells["n_shots"]]
    same = cells["item_set"].groupby(by, dropna=False).transform("nunique") == 1
    sizes = cells.groupby("task")["n_trials"].nunique()
    for task in sizes.index[sizes > 1]:
        log.add(f"task {task!r} was measured on different numbers of items: its curve mixes item sets")
    for task in cells.loc[~same, "task"].unique():
        log.add(f"task {task!r} has several item hashes within a model: prompts or items changed between checkpoints")
    return cells.assign(item_set=cells["item_set"].where(same, ""))


def _models(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the table of models; parameters are those the harness counted, or else known ones."""
    counted = cells.groupby("model")["params_total"].max()
    known = pd.DataFrame({name: vars(known_models.model(name)) for name in counted.index}).T
    return known.assign(params_total=counted.fillna(known["params_total"].astype(float)))


def _tasks(cells: pd.DataFrame, log: Log) -> pd.DataFrame:
    tasks = cells.groupby("task").agg(chance=("chance", "max"), n_shots=("n_shots", "max"), plain=("plain", "first"))
    for task in tasks.index[tasks["chance"].isna()]:
        log.add(f"took chance of task {task!r} as 0: nothing in its files or its name tells the answer choices")
    return pd.DataFrame(
        {
            "chance": tasks["chance"].fillna(0.0),
            "n_shots": tasks["n_shots"],
            "category": tasks["plain"].map(benchmarks.category).astype(object),
            "kind": pd.Series("benchmark", index=tasks.index, dtype=object),
        }
    )


def _provenance(sources: list[Path], cells: pd.DataFrame) -> dict[str, Any]:
    return {
        "kind": "measured",
        "title": "lm-evaluation-harness results",
        "licence": "",
        "sources": [s.resolve().name for s in sources],
        "importer": "lm-eval",
        "versions": {"lm_eval": "; ".join(sorted(cells["versions"].unique()))},
    }


IMPORTER = Importer("lm-eval", "output of the lm-evaluation-harness (results*.json)", miss, read)
