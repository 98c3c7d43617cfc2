"""The published table of ElementalTask accuracies (model, checkpoint, tokens_B, task, task_type, metric, value).

It has no n, so a second table with the columns task and n (and, where n differs between models, model) must be given.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers import elementaltask_names as names
from emergelaw.importers.common import Imported, Log
from emergelaw.importers.elementaltask_labels import described
from emergelaw.importers.long_form import finish
from emergelaw.importers.table import SUFFIXES, read_file
from emergelaw.importers.table_counts import add_counts

COLUMNS = ("model", "checkpoint", "tokens_B", "task", "task_type", "metric", "value")
ACCURACIES = ("exact_match", "accuracy", "acc")


def fits(sources: list[Path]) -> bool:
    """Say whether one of the sources is a table with these columns."""
    return any(_is_published(frame) for frame in _readable(sources))


def _readable(sources: list[Path]) -> list[pd.DataFrame]:
    frames = []
    for source in sources:
        if source.is_file() and source.name.endswith(SUFFIXES):
            try:
                frames.append(read_file(source))
            except InputError:
                continue  # the importer that reads it says what is wrong
    return frames


def _is_published(frame: pd.DataFrame) -> bool:
    return set(COLUMNS) <= set(frame)


def read(sources: list[Path], provenance: dict[str, Any]) -> Imported:
    """Read published tables and their tables of item counts."""
    log = Log()
    frames = {source: read_file(source) for source in sources}
    published = pd.concat([f for f in frames.values() if _is_published(f)], ignore_index=True)
    sizes = _sizes({s: f for s, f in frames.items() if not _is_published(f)})
    frame = described(_with_sizes(_accuracies(published, log), sizes, log), log)
    frame["tokens"] = frame["tokens"].fillna(frame["tokens_B"] * 1e9).where(frame["checkpoint_name"] != "main")
    title = f"{provenance['title']}, published table with n from {', '.join(s.name for s in frames)}"
    return finish(add_counts(frame, log), {**provenance, "title": title}, log)


def _sizes(tables: dict[Path, pd.DataFrame]) -> pd.DataFrame:
    """Return the number of items per task, or per model and task."""
    if not tables:
        raise InputError(
            "expected the number of items beside the published accuracies, which have none, got no second "
            "table: give a CSV with the columns task and n (and model, where n differs) as another source"
        )
    for source, frame in tables.items():
        if not {"task", "n"} <= set(frame):
            raise InputError(f"expected the columns task and n in {source}, got {', '.join(frame)}: correct the table")
    sizes = pd.concat(list(tables.values()), ignore_index=True)
    sizes = sizes.assign(task=sizes["task"].map(_label), n_trials=pd.to_numeric(sizes["n"], errors="coerce"))
    keys = [c for c in ("model", "task") if c in sizes]
    several = sizes.groupby(keys)["n_trials"].nunique()
    if (several > 1).any():
        raise InputError(
            f"expected one n per {' and '.join(keys)}, got several for {several[several > 1].index[0]!r}: "
            "correct the table of task and n"
        )
    return sizes.drop_duplicates(keys)[[*keys, "n_trials"]]


def _label(task: object) -> str:
    group, sub, _ = names.split(str(task))
    return names.join(group, sub)


def _accuracies(published: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Return the rows that hold accuracies, under contract names."""
    accuracies = published["metric"].isin(ACCURACIES)
    for metric, rows in published[~accuracies].groupby("metric", dropna=False):
        log.add(f"dropped: rows of metric {metric}, which is not an accuracy", len(rows))
    if not accuracies.any():
        raise InputError(
            f"expected rows whose metric is {', '.join(ACCURACIES)} in the published table, got none: check the file"
        )
    frame = published[accuracies].rename(columns={"checkpoint": "checkpoint_name", "value": "accuracy"})
    for column in ("accuracy", "tokens_B"):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if (bad := numbers.isna() & frame[column].notna()).any():
            raise InputError(
                f"expected numbers in the published table, got {frame.loc[bad, column].iloc[0]!r} as "
                f"{column}: correct the file"
            )
        frame[column] = numbers
    text = {c: frame[c].astype(str) for c in ("model", "checkpoint_name", "metric")}
    return frame.assign(**text, task=frame["task"].map(_label)).drop(columns="task_type")


def _with_sizes(frame: pd.DataFrame, sizes: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Join n to the accuracies; tasks that the table of sizes lacks are dropped."""
    merged = frame.merge(sizes, how="left", on=[c for c in ("model", "task") if c in sizes])
    for task, rows in merged[merged["n_trials"].isna()].groupby("task"):
        log.add(f"dropped: task {task!r}, whose number of items the second table does not give", len(rows))
    merged = merged[merged["n_trials"].notna()]
    if not len(merged):
        raise InputError(
            f"expected n of the published tasks (such as {frame['task'].iloc[0]!r}) in the second table, "
            f"got only {', '.join(map(str, sizes['task'].unique()[:5]))}: correct its task column"
        )
    return merged
