"""Read ElementalTask result files: item records, and the counts in CSV and metrics files where no items survive."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers import elementaltask_names as names
from emergelaw.importers.common import Log, distinct
from emergelaw.importers.sources import json_value, table

FILE = re.compile(
    rf"(?P<org>[^_/]+)_(?P<short>[^/]+?)_(?P<revision>{names.REVISION})_"
    r"(?P<task>[^/]+?)_(?P<kind>detailed\.jsonl|metrics\.json)"
)
WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class ItemSet:
    """The items of one task in one file: (question, answer) pairs, repeats included, and which were answered right."""

    model: str
    revision: str
    task: str
    pairs: tuple[tuple[str, str], ...]
    right: tuple[bool, ...]
    layout: int  # 0: the sub-task's own file, named twice; 1: named once; 2: an aggregate that any sub-task overwrote
    file: str

    @property
    def name(self) -> str:
        """Return a name that differs if and only if the items do."""
        return "s" + hashlib.sha256(json.dumps(sorted(self.pairs)).encode()).hexdigest()[:6]

    @property
    def outcomes(self) -> dict[str, bool]:
        """Return which items were answered right; a repeated item is told apart by its number."""
        names = ("i" + hashlib.sha256(json.dumps(pair).encode()).hexdigest()[:12] for pair in self.pairs)
        return dict(zip(distinct(names), self.right, strict=True))


def is_right(prediction: str, target: str) -> bool:
    """Apply the source's own item rule: the first line, stripped, case ignored. A leading line break is wrong."""
    return prediction.split("\n")[0].strip().lower() == target.strip().lower()


def parse_name(path: str) -> re.Match | None:
    """Return the parts of a result file's name (org, short, revision, task, kind), or None."""
    return FILE.fullmatch(path.rsplit("/", 1)[-1])


def read_items(path: str, name: re.Match, content: bytes, log: Log) -> list[ItemSet]:
    """Return the item sets of one *_detailed.jsonl file, one per sub-task in it."""
    group, sub, doubled = names.split(name["task"])
    if group == "simple":
        log.add("dropped: files of the older task 'simple', whose examples mix several tasks")
        return []
    records = list(_records(path, content))
    if not records:
        log.add(f"dropped: empty item files of task {names.join(group, sub)!r} (not measured)")
    by_task: dict[str, list[tuple[tuple[str, str], bool]]] = {}
    for line, record in records:
        task = names.join(group, _sub_task(record, group, sub, f"{path}, line {line}"))
        by_task.setdefault(task, []).append(_item(record, f"{path}, line {line}", log))
    layout = 0 if doubled else 1 if sub or group not in names.GROUPS else 2
    model = f"{name['org']}/{name['short']}"
    return [
        ItemSet(model, name["revision"], task, tuple(p for p, _ in found), tuple(r for _, r in found), layout, path)
        for task, found in by_task.items()
    ]


def _records(path: str, content: bytes) -> Iterator[tuple[int, dict]]:
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"expected UTF-8 text in {path}, got other bytes: fetch the file again") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, table(json_value(line.encode(), where := f"{path}, line {number}"), "the record", where)


def _sub_task(record: dict, group: str, from_name: str, where: str) -> str:
    """Return the sub-task of a record: what it says itself, since an aggregate file's name does not tell."""
    if group not in names.GROUPS:
        return ""
    metadata = _metadata(record, where)
    sub = metadata.get("category_name") or from_name or metadata.get("category_id")
    if not isinstance(sub, str) or not WORD.fullmatch(sub):
        raise InputError(
            f"expected metadata.category_name to name a sub-task of {group} in {where}, got {sub!r:.40}: "
            "fetch the file again"
        )
    return sub


def _metadata(record: dict, where: str) -> dict:
    metadata = record.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise InputError(
            f"expected metadata to be a JSON object in {where}, got {type(metadata).__name__}: fetch the file again"
        )
    return metadata


def _item(record: dict, where: str, log: Log) -> tuple[tuple[str, str], bool]:
    """Return ((question, answer), whether it was answered right), recomputed from the prediction."""
    metadata = _metadata(record, where)
    question = record.get("input") or metadata.get("question") or ""
    answer = next((a for a in (record.get("target"), record.get("ground_truth"), metadata.get("answer")) if a), "")
    question, answer = _text(question, "input", where), _text(answer, "target", where)
    right = is_right(_text(record.get("prediction"), "prediction", where), answer)
    if "correct" not in record:
        log.add("recomputed: items of older records, which do not say whether the answer was correct")
    elif record["correct"] is not right:
        log.add("recomputed: items whose stored `correct` differs from the item rule")
    return (question, answer), right


def _text(value: object, what: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"expected {what} to be text in {where}, got {value!r:.40}: fetch the file again")
    return value


def read_csv(path: str, content: bytes, log: Log) -> list[dict]:
    """Return the counts of one detailed_results_*.csv, without failures and aggregates over sub-tasks."""
    try:
        frame = pd.read_csv(io.BytesIO(content), low_memory=False)
    except (ValueError, OverflowError) as error:
        reason = str(error).strip()  # pandas ends some messages with a line break
        raise InputError(f"expected a CSV table in {path}, got damage ({reason}): fetch the file again") from error
    needed = ["model", "checkpoint", "task", "success"]
    if missing := [c for c in needed if c not in frame]:
        raise InputError(
            f"expected the columns {', '.join(needed)} in {path}, got no {', '.join(missing)}: fetch the file again"
        )
    succeeded = frame["success"].astype(str) == "True"
    if not succeeded.all():
        log.add("dropped: csv rows of evaluations that failed", int((~succeeded).sum()))
    rows = []
    for row in frame[succeeded].to_dict("records"):
        group, sub, _ = names.split(str(row["task"]))
        if group in names.GROUPS and not sub:
            log.add("dropped: csv counts of aggregates over sub-tasks")
            continue
        task = names.join(group, sub)
        rows.append(
            _count(row["model"], row["checkpoint"], task, row.get("correct"), row.get("total"), path)
            | {"cached": str(row.get("cached")) == "True"}
        )
    return rows


def read_metrics(path: str, name: re.Match, content: bytes, log: Log) -> list[dict]:
    """Return the count in one *_metrics.json, [] for an aggregate over sub-tasks."""
    group, sub, _ = names.split(name["task"])
    if group in names.GROUPS and not sub:
        return []
    metrics = table(table(json_value(content, path), "the file", path).get("metrics", {}), "metrics", path)
    score = table(metrics.get("exact_match", {}), "exact_match", path)
    if not score:
        log.add("dropped: metrics files without exact_match")
        return []
    correct, total = (score.get(a, score.get(b)) for a, b in (("correct", "correct_count"), ("total", "total_count")))
    task = names.join(group, sub)
    return [_count(f"{name['org']}/{name['short']}", name["revision"], task, correct, total, path) | {"cached": False}]


def _count(model: object, revision: object, task: str, correct: Any, total: Any, path: str) -> dict:
    """Return one checked count; where both numbers are missing nothing was measured, 0 of 0."""
    missing = all(v is None or v != v for v in (correct, total))
    k, n = (0.0, 0.0) if missing else (_number(correct), _number(total))
    if not (0 <= k <= n < 1e9 and k == int(k) and n == int(n)):
        raise InputError(
            f"expected a count of correct answers in {path} for task {task!r} at {revision}, "
            f"got {correct!r:.40} of {total!r:.40}: fetch the file again"
        )
    cell = {"model": str(model), "checkpoint_name": str(revision), "task": task}
    return cell | {"n_correct": int(k), "n_trials": int(n)}


def _number(value: Any) -> float:
    """Return NaN for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
