"""From one long table with contract names to the tables of `dataset.build`, saying what was dropped and merged.

Never pooled: several metrics, several item sets, several shot counts, several seeds or corpora of one model.
"""

from typing import Any

import numpy as np
import pandas as pd

from emergelaw.dataset import MODEL_COORDS, TASK_COORDS
from emergelaw.errors import InputError
from emergelaw.importers import pythia_suite
from emergelaw.importers.common import Imported, Log
from emergelaw.importers.counts import label_shots

# One metric per curve, the first of these that it has; metrics not named here follow in alphabetical order.
METRICS = ("exact_match", "acc", "accuracy", "len_norm", "acc_norm", "task_eval")
REPEATS = {
    "step1_identical_to_step0": "the weights of step 1 equal those of step 0",
    "duplicate_measurement": "the same checkpoint measured twice",
    "v0_fiveshot_dir_is_zeroshot": "the folder says five-shot, the measurement is zero-shot",
}
DEDUP = {"true": "deduped", "1": "deduped", "false": "standard", "0": "standard"}
CURVE = ["model", "task"]
PLACE = ["step", "tokens"]
COMMON = 3  # cells in which two metrics must agree before one fills the gaps of the other


def finish(frame: pd.DataFrame, provenance: dict[str, Any], log: Log) -> Imported:
    """Clean a long table and split it into cells, models and tasks."""
    frame = _drop_repeats(_with_corpus(frame), log)
    suspects = _suspects(frame, log)
    frame = _drop_unplaced(frame, log)
    frame = _label_models(_label_shots(frame, log), log)
    frame = _choose_item_set(_choose_metric(frame, log), log)
    frame = _merge_repeated_cells(frame, log)
    models, tasks = _models(frame, log), _tasks(frame, log)
    log.add(f"kept: {len(frame):,} cells of {len(models)} models and {len(tasks)} tasks")
    notes = {"suspect": suspects} if suspects else {}
    return Imported(_cells(frame), models, tasks, {**provenance, **notes}, log)


def _with_corpus(frame: pd.DataFrame) -> pd.DataFrame:
    """Read the corpus from a column that says whether duplicates were removed from it; Pythia's is the Pile."""
    if "dedup" not in frame or "corpus" in frame:
        return frame
    corpus = frame["dedup"].str.casefold().map(DEDUP)
    pythia = frame["model"].map({name: pythia_suite.member(name) is not None for name in frame["model"].unique()})
    return frame.assign(corpus=corpus.where(~pythia, corpus.map({"standard": "pile", "deduped": "pile-deduped"})))


def _drop_repeats(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    if "flag" not in frame:
        return frame
    flags = frame["flag"].fillna("").str.split(";")
    for name, reason in REPEATS.items():
        marked = flags.loc[frame.index].map(lambda f, name=name: name in f).astype(bool)
        if marked.any():
            log.add(f"dropped: rows flagged {name} ({reason})", int(marked.sum()))
            frame = frame[~marked]
    return frame


def _suspects(frame: pd.DataFrame, log: Log) -> dict[str, str]:
    """Report rows kept although their source doubts them, such as equal weights under two model names."""
    if "flag" not in frame:
        return {}
    doubted = frame[frame["flag"].notna()]
    for flag, rows in doubted.groupby("flag"):
        log.add(
            f"kept, but doubted by the source: rows flagged {flag} in {', '.join(sorted(rows['model'].unique()))}",
            len(rows),
        )
    return {model: "; ".join(sorted(rows["flag"].unique())) for model, rows in doubted.groupby("model")}


def _drop_unplaced(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Drop checkpoints that cannot be placed in training, such as `main` after annealing on other data."""
    places = [c for c in PLACE if c in frame]
    if not places:
        raise InputError("expected a step or a tokens column, got neither: name one with --map tokens=COLUMN")
    unplaced = frame[places].isna().all(axis=1)
    named = next((c for c in ("checkpoint_name", "stage") if c in frame), None)
    groups = frame[unplaced].groupby(named) if named else [("?", frame[unplaced])]
    for name, rows in groups:
        if len(rows):
            log.add(f"dropped: checkpoint {name!r}, without tokens and step", len(rows))
    if unplaced.all():
        raise InputError("expected tokens or a step for some checkpoint, got none: fill one of the columns")
    return frame[~unplaced]


def _label_shots(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Make tasks of equal name and several shot counts several tasks; the smallest count keeps the plain name."""
    if "n_shots" not in frame:
        return frame
    labels = label_shots(frame)
    several = frame["task"][labels != frame["task"]].nunique()
    if several:
        log.add(f"labelled: {several} tasks measured with several shot counts as 'task (N-shot)'")
    return frame.assign(task=labels)


def _label_models(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Make models of equal name and several seeds or corpora several models."""
    for column in [c for c in ("seed", "corpus") if c in frame]:
        several = (frame.groupby("model")[column].transform("nunique") > 1) & frame[column].notna()
        if several.any():
            log.add(f"labelled: {frame.loc[several, 'model'].nunique()} models with several values of {column}")
            label = frame[column].map("{:g}".format if column == "seed" else str, na_action="ignore").astype(object)
            named = frame["model"] + f" ({column} " + label.fillna("").astype(str) + ")"
            frame = frame.assign(model=frame["model"].where(~several, named))
    return frame


def _cell(frame: pd.DataFrame) -> pd.Series:
    """Number the cells (model, task, checkpoint)."""
    return frame.groupby(CURVE + [c for c in PLACE if c in frame], dropna=False).ngroup()


def _choose_metric(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Keep one metric per curve; fill its gaps from another only where the two agree wherever both were measured."""
    if "metric" not in frame or frame["metric"].nunique() < 2:
        return frame
    measured = set(frame["metric"].dropna())
    names = [m for m in METRICS if m in measured] + sorted(measured.difference(METRICS)) + ["unnamed"]
    rank = frame["metric"].fillna("unnamed").map(names.index)
    best = rank.groupby([frame[c] for c in CURVE]).transform("min")
    kept, others = frame[rank == best], frame[rank > best]
    for metric, rows in kept.groupby("metric"):
        log.add(f"chosen: metric {metric} for {len(rows.drop_duplicates(CURVE))} curves")
    if not len(others):
        return frame
    filled = _agreeing(kept, others.assign(rank=rank))
    for (metric, chosen), rows in others.drop(filled.index).groupby([rank.map(names.__getitem__), best]):
        log.add(f"dropped: metric {metric}, since {names[chosen]} is preferred for the curve", len(rows))
    for metric, rows in filled.groupby("metric"):
        curves = len(rows.drop_duplicates(CURVE))
        log.add(f"filled: gaps of {curves} curves from metric {metric}, equal wherever both were measured", len(rows))
    return pd.concat([kept, filled.drop(columns="rank")])


def _agreeing(kept: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of others in cells that kept lacks, of curves that agree in COMMON or more cells and in n."""
    cell = _cell(pd.concat([kept, others]))
    counts = kept[["n_correct", "n_trials"]].set_axis(cell[: len(kept)])
    there = counts[~counts.index.duplicated()].reindex(cell[len(kept) :]).set_axis(others.index)
    common = there["n_trials"].notna()
    equal = (there == others[["n_correct", "n_trials"]]).all(axis=1)
    other_n = others["n_trials"] != _of_curve(kept.groupby(CURVE)["n_trials"].first(), others)
    against = (common & ~equal) | other_n
    curves = [others[c] for c in [*CURVE, "rank"]]
    agree = ~against.groupby(curves).transform("any") & (common.groupby(curves).transform("sum") >= COMMON)
    new = others[agree & ~common].sort_values("rank", kind="stable")
    new = new[~cell[len(kept) :][new.index].duplicated()]
    if "item_set" in new:
        new["item_set"] = _of_curve(kept.groupby(CURVE)["item_set"].first(), new)
    return new


def _of_curve(values: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """Look up, for each row, the value of its (model, task)."""
    return values.reindex(pd.MultiIndex.from_frame(frame[CURVE])).set_axis(frame.index)


def _choose_item_set(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Keep, per curve, the item set with most trials: equal names may hide different items."""
    if "item_set" not in frame:
        return frame
    unnamed = "n" + frame["n_trials"].astype(str)  # all that is known of items without a set: how many they are
    frame = frame.assign(item_set=frame["item_set"].fillna(unnamed))
    trials = frame.groupby([*CURVE, "item_set"])["n_trials"].transform("sum")
    order = frame.assign(trials=trials).sort_values(["trials", "item_set"], ascending=[False, True])
    best = order.drop_duplicates(CURVE).set_index(CURVE)["item_set"]
    other = frame["item_set"] != _of_curve(best, frame)
    for (model, task), rows in frame[other].groupby(CURVE):
        log.add(
            f"dropped: task {task!r} of {model} on item set {', '.join(sorted(rows['item_set'].unique()))}, "
            "which has fewer trials than its other set",
            len(rows),
        )
    return frame[~other]


def _merge_repeated_cells(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    cell = _cell(frame)
    counts = frame[["n_correct", "n_trials"]].assign(cell=cell)
    first, repeated = counts.drop_duplicates("cell").set_index("cell"), cell.duplicated()
    conflict = (counts.drop(columns="cell") != first.reindex(cell).set_axis(frame.index)).any(axis=1)
    if conflict.any():
        at = cell[conflict].iloc[0]
        raise InputError(_two_counts(frame[(cell == at) & ~repeated].iloc[0], frame[(cell == at) & conflict].iloc[0]))
    if repeated.any():
        log.add("merged: rows that repeat a cell with equal counts", int(repeated.sum()))
    return frame[~repeated]


def _two_counts(a: pd.Series, b: pd.Series) -> str:
    differ = [c for c in a.index if not (a[c] == b[c] or (pd.isna(a[c]) and pd.isna(b[c])))]
    place = ", ".join(f"{c} {a[c]:g}" for c in PLACE if c in a)
    return (
        f"expected one count per (model, checkpoint, task), got {a['n_correct']} of {a['n_trials']} and "
        f"{b['n_correct']} of {b['n_trials']} for task {a['task']!r} of model {a['model']!r} at {place}: "
        f"choose with --filter (the rows differ in {', '.join(differ)})"
    )


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    columns = [
        "model",
        "task",
        "n_correct",
        "n_trials",
        *PLACE,
        "checkpoint_name",
        "flops",
        "loss",
        "item_set",
        "items",
    ]
    columns += [c for c in frame if c.startswith("metric_")]
    return frame[[c for c in columns if c in frame]].reset_index(drop=True)


def _models(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    columns = [c for c in frame if c in MODEL_COORDS or c.startswith("design_")]
    models = _one_each(frame, "model", columns, log)
    if "params_total" in models and "params" not in models:
        log.add("assumed: non-embedding parameters equal to all parameters, since only those are given")
        models["params"] = models["params_total"]
    return models


def _tasks(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    tasks = _one_each(frame, "task", [c for c in (*TASK_COORDS, "n_choices") if c in frame], log)
    chance = tasks["chance"] if "chance" in tasks else pd.Series(np.nan, tasks.index)
    if "n_choices" in tasks:
        chance = chance.fillna(1 / tasks["n_choices"].where(tasks["n_choices"] >= 1))
    if chance.isna().any():
        log.add("assumed: chance 0 for tasks without a chance level or a number of choices", int(chance.isna().sum()))
    return tasks.drop(columns="n_choices", errors="ignore").assign(chance=chance.fillna(0.0))


def _one_each(frame: pd.DataFrame, key: str, columns: list[str], log: Log) -> pd.DataFrame:
    """Return one row per key with the first known value of each column; say where there was a second."""
    groups = frame.groupby(key)
    for column in columns:
        several = groups[column].nunique()
        for name in several[several > 1].index:
            log.add(f"merged: {key} {name!r} has several values of {column}, the first is used")
    return groups[columns].first() if columns else pd.DataFrame(index=sorted(frame[key].unique()))
