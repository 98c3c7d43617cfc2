"""Import the results of KaiserWhoLearns/ElementalTask: result folders, rebuilt from items, or the published table.

Counts come from the item records (`exact_match`, the source's own item rule). Where a task has no items at all, the
counts in CSV and metrics files are used (`task_eval`, a slightly different score) and the task is named in the log.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers import elementaltask_table
from emergelaw.importers.common import Imported, Importer, Log
from emergelaw.importers.elementaltask_degenerate import degenerate
from emergelaw.importers.elementaltask_labels import described
from emergelaw.importers.elementaltask_records import ItemSet, parse_name, read_csv, read_items, read_metrics
from emergelaw.importers.long_form import finish
from emergelaw.importers.sources import ARCHIVES, documents

PROVENANCE = {
    "kind": "published",
    "importer": "elementaltask",
    "title": "Implicit Curriculum results (ElementalTask)",
    "sources": ["https://github.com/KaiserWhoLearns/ElementalTask"],
    "licence": "MIT",
}
CELL = ["model", "checkpoint_name", "task"]


def read(sources: list[Path]) -> Imported:
    """Read result folders or archives of them, or the published table with its table of item counts."""
    if elementaltask_table.fits(sources):
        return elementaltask_table.read(sources, PROVENANCE)
    log = Log()
    items, counts = _read_files(sources, log)
    items = _one_per_set(items, log)
    frame = pd.concat([_item_rows(items), _count_rows(counts, items, log)], ignore_index=True)
    if not len(frame):
        raise InputError(
            f"expected item records (*_detailed.jsonl) or counts of ElementalTask in {_names(sources)}, "
            "got none that were measured: give the folder that holds results/"
        )
    return _flagged(finish(described(frame, log), PROVENANCE, log), items)


def _names(sources: list[Path]) -> str:
    return ", ".join(map(str, sources))


def _wanted(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith(("_detailed.jsonl", "_metrics.json")) or _is_csv(path)


def _is_csv(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.startswith("detailed_results_") and name.endswith(".csv")


def _read_files(sources: list[Path], log: Log) -> tuple[list[ItemSet], list[dict]]:
    """Read every item set and every count; pivots hold accuracies without n and are never read."""
    items, counts = [], []
    for path, content in documents(sources, _wanted):
        if _is_csv(path):
            counts += read_csv(path, content, log)
        elif (name := parse_name(path)) is None:
            log.add(f"ignored: file {path.rsplit('/', 1)[-1]!r}, whose name does not tell model, checkpoint and task")
        elif path.endswith(".json"):
            counts += read_metrics(path, name, content, log)
        else:
            items += read_items(path, name, content, log)
    return items, counts


def _one_per_set(items: list[ItemSet], log: Log) -> list[ItemSet]:
    """Keep one of the files that hold the same items of one cell; leave out what the item rule cannot score."""
    kept: dict[tuple[str, ...], ItemSet] = {}
    for one in sorted(items, key=lambda i: (i.layout, i.file)):
        if all(answer.startswith("['") for _, answer in one.pairs):
            log.add(f"dropped: items of task {one.task!r}, whose answers are lists that no prediction can equal")
            continue
        first = kept.setdefault((one.model, one.revision, one.task, one.name), one)
        if first is not one:
            same = "with the same outcomes" if sum(first.right) == sum(one.right) else "with other outcomes"
            log.add(f"merged: items stored twice, {same}; the sub-task's own file is used")
    return list(kept.values())


def _item_rows(items: Iterable[ItemSet]) -> pd.DataFrame:
    rows = [(i.model, i.revision, i.task, sum(i.right), len(i.right), i.name, "exact_match", i.outcomes) for i in items]
    return pd.DataFrame(rows, columns=[*CELL, "n_correct", "n_trials", "item_set", "metric", "items"])


def _count_rows(counts: list[dict], items: list[ItemSet], log: Log) -> pd.DataFrame:
    """Return counts of files without items that can be trusted, at most one per cell.

    `cached` counts were made with a file pattern that also matches longer task names (gerund_upper and
    gerund_upper_reverse), so they count only where the items say the same n.
    """
    sizes = defaultdict(set)
    for one in items:
        sizes[one.model, one.task].add(len(one.right))
    kept: dict[tuple[str, ...], dict] = {}
    for count in counts:
        known = sizes.get((count["model"], count["task"]))
        if count["n_trials"] == 0:
            log.add("dropped: counts of 0 items (not measured)")
        elif known and count["n_trials"] not in known:
            log.add("dropped: counts whose n is not that of the task's items")
        elif count["cached"] and not known:
            log.add("dropped: cached counts of tasks without items, which may include other tasks")
        else:
            kept.setdefault(tuple(count[c] for c in CELL), count)
    columns = [*CELL, "n_correct", "n_trials"]
    return pd.DataFrame(kept.values(), columns=columns).assign(item_set=None, metric="task_eval", items=None)


def _flagged(imported: Imported, items: list[ItemSet]) -> Imported:
    """Add the degenerate tasks, and those that have no items, to log and provenance."""
    sets = set(zip(imported.cells["model"], imported.cells["task"], imported.cells["item_set"], strict=True))
    flagged = degenerate({(i.model, i.task): i.pairs for i in items if (i.model, i.task, i.name) in sets})
    for task, reason in flagged.items():
        imported.log.add(f"flagged: task {task!r} is degenerate: {reason}")
    from_items = {(i.model, i.task) for i in items}
    without = sorted({task for model, task, _ in sets if (model, task) not in from_items})
    if without:
        imported.log.add(f"flagged: tasks known by their counts only, without items: {', '.join(without)}")
    notes = {"degenerate_tasks": flagged, "counts_only_tasks": without}
    return replace(imported, provenance={**imported.provenance, **notes})


def _miss(sources: list[Path]) -> str | None:
    if elementaltask_table.fits(sources):
        return None
    if not all(s.is_dir() or s.name.endswith(ARCHIVES) for s in sources):
        return f"{_names(sources)} is no folder, no archive and no table with {', '.join(elementaltask_table.COLUMNS)}"
    try:
        found = any(parse_name(path) or _is_csv(path) for path, _ in documents(sources, _wanted))
    except InputError as error:
        return str(error)
    return None if found else f"{_names(sources)} holds no *_detailed.jsonl, *_metrics.json or detailed_results_*.csv"


IMPORTER = Importer(
    "elementaltask",
    "results of KaiserWhoLearns/ElementalTask: a folder, an archive, or the published "
    "table followed by a table of task and n",
    _miss,
    read,
)
