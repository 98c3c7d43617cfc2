"""From published accuracies back to counts: n from the standard error, k from the accuracy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers.common import Log

NEAR = 1e-3  # how far from a whole number a recovered count may lie; exact sources are within 1e-9


def fraction(value: Any, what: str, where: str) -> float:
    """Return value if it is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(
            f"expected {what} to be a number in [0, 1], got {brief(value)} in {where}: correct or remove the file"
        )
    return float(value)


def whole(value: Any, what: str, where: str) -> int:
    """Return value if it is a whole number ≥ 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise InputError(
            f"expected {what} to be a whole number ≥ 0, got {brief(value)} in {where}: correct or remove the file"
        )
    return value


def brief(value: Any) -> str:
    """Return value as it would be typed, cut to one line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def standard_error(value: Any, what: str, where: str) -> float:
    """Return a standard error; NaN where the source has none ('N/A')."""
    if value is None or value == "N/A":
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
        raise InputError(
            f"expected {what} to be a standard error or 'N/A', got {brief(value)} in {where}: "
            "correct or remove the file"
        )
    return float(value)


def trials(accuracy: Any, stderr: Any) -> np.ndarray:
    """Return n of a mean of n zeros and ones, not a whole number yet; NaN where its standard error tells nothing.

    The standard error is √(p (1 − p) / (n − 1)), so n = p (1 − p) / stderr² + 1, unless p is 0 or 1.
    """
    p, error = np.asarray(accuracy, float), np.asarray(stderr, float)
    with np.errstate(all="ignore"):
        n = np.where((error > 0) & (p > 0) & (p < 1), p * (1 - p) / error**2 + 1, np.nan)
    return np.where(np.isfinite(n), n, np.nan)


def with_counts(rows: pd.DataFrame, known_sizes: Mapping[str, int], log: Log) -> pd.DataFrame:
    """Add n_correct and n_trials to rows of task, accuracy, stderr and size (NaN: unknown); drop what is no count."""
    n, k = _sizes(rows, known_sizes), rows["accuracy"].to_numpy(float)
    k = k * n
    unknown = np.isnan(n)
    broken = ~unknown & ((np.abs(n - np.round(n)) > NEAR) | (np.abs(k - np.round(k)) > NEAR) | (n > 2**53))
    for task, times in rows["task"][unknown].value_counts(sort=False).items():
        log.add(
            f"dropped task {task!r} where its number of items cannot be known: no standard error, and no other "
            "measurement of the task that shows it",
            times,
        )
    for task, times in rows["task"][broken].value_counts(sort=False).items():
        log.add(f"dropped task {task!r} where accuracy and standard error are not those of a count", times)
    kept = ~(unknown | broken)
    return rows[kept].assign(n_trials=np.round(n[kept]).astype(np.int64), n_correct=np.round(k[kept]).astype(np.int64))


def _sizes(rows: pd.DataFrame, known_sizes: Mapping[str, int]) -> np.ndarray:
    """Return n per row: stated, else from the standard error, else that of the task elsewhere, else known."""
    implied = pd.Series(trials(rows["accuracy"], rows["stderr"]), index=rows.index)
    n = rows["size"].astype(float).fillna(implied)
    elsewhere = n.round().groupby(rows["task"]).agg(lambda s: s.dropna().iloc[0] if s.nunique() == 1 else np.nan)
    return n.fillna(rows["task"].map(elsewhere)).fillna(rows["task"].map(known_sizes)).to_numpy(float)


def label_shots(rows: pd.DataFrame) -> pd.Series:
    """Return task labels that tell shot counts apart: all but the smallest count of a task are named."""
    smallest = rows.groupby("task")["n_shots"].transform("min")
    more = rows["n_shots"] > smallest
    return rows["task"].where(~more, rows["task"] + " (" + rows["n_shots"].fillna(0).astype(int).astype(str) + "-shot)")
