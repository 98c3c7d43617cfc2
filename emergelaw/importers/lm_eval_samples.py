"""Per-item files of the lm-evaluation-harness: recount what the results claim."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers.common import Log, distinct
from emergelaw.importers.counts import brief
from emergelaw.importers.sources import json_value, table


def records(content: bytes, where: str) -> list[dict[str, Any]]:
    """Return the items of a file: one JSON object per line, or (0.4.0–0.4.2) one array in a file named .jsonl."""
    if content.lstrip().startswith(b"["):
        found = json_value(content, where)
    else:
        lines = enumerate(content.splitlines(), 1)
        found = [json_value(line, f"line {i} of {where}") for i, line in lines if line.strip()]
    return [table(item, "each item", where) for item in found]


def values(items: list[dict[str, Any]], metric: str, where: str) -> dict[str, float]:
    """Return the metric of each item by the item's number."""
    names = distinct(str(i.get("doc_id")) for i in items)
    return dict(zip(names, (_value(i, metric, where) for i in items), strict=True))


def chance(items: list[dict[str, Any]]) -> float:
    """Return the accuracy of blind guessing that the answer choices imply; NaN where not every item has choices."""
    choices = [len(r) for i in items if isinstance(r := i.get("filtered_resps"), list) and _scored(r)]
    return float(np.mean(1 / np.array(choices))) if choices and len(choices) == len(items) else np.nan


def _value(item: dict[str, Any], metric: str, where: str) -> float:
    value = item.get(metric)
    if not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(
            f"expected every item to have a number {metric!r}, got {brief(value)} for item "
            f"{brief(item.get('doc_id'))} in {where}: correct or remove the file"
        )
    return float(value)


def _scored(responses: list[Any]) -> bool:
    """Tell whether these are (log-probability, is greedy) pairs of two or more answer choices."""
    return len(responses) > 1 and all(isinstance(r, list) and len(r) == 2 for r in responses)


def with_items(rows: pd.DataFrame, files: Iterable[tuple[str, bytes]], log: Log) -> pd.DataFrame:
    """Add items, item_correct and item_trials where a per-item file exists, and the chance that its choices imply."""
    rows = rows.reset_index(drop=True).assign(items=None, item_correct=np.nan, item_trials=np.nan)
    where = {name: i for i, name in rows["samples"].items()}
    for name, content in files:
        if name not in where:
            log.add(f"left out per-item file {name.rpartition('/')[2]}: no results file of the same run names its task")
            continue
        i = where[name]
        row = rows.loc[i]
        found = [r for r in records(content, name) if r.get("filter", row["filter"]) == row["filter"]]
        outcomes = values(found, row["metric"], name)
        if set(outcomes.values()) <= {0, 1}:
            rows.at[i, "items"] = {item: bool(value) for item, value in outcomes.items()} or None
            rows.loc[i, "item_correct"] = sum(outcomes.values())
        rows.loc[i, "item_trials"] = len(found)
        rows.loc[i, "size"] = len(found) if np.isnan(row["size"]) and found else row["size"]
        rows.loc[i, "chance"] = chance(found) if np.isnan(row["chance"]) else row["chance"]
    return rows


def check_items(cells: pd.DataFrame, log: Log) -> None:
    """Refuse results that their own items contradict."""
    counted = cells[cells["item_correct"].notna()]
    wrong = (counted["item_correct"] != counted["n_correct"]) | (counted["item_trials"] != counted["n_trials"])
    if wrong.any():
        row = counted[wrong].iloc[0]
        raise InputError(
            f"expected the items in {row['samples']} to give {row['n_correct']} of {row['n_trials']} correct as "
            f"{row['where']} says, got {row['item_correct']:g} of {row['item_trials']:g}: remove the wrong file"
        )
    if len(counted):
        log.add("recounted results from their per-item files: they agree", len(counted))
