"""Counts (k of n) from what a long table offers: n and k, accuracy and n, or accuracy and its standard error."""

import numpy as np
import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers import counts
from emergelaw.importers.common import Log

CURVE = ["model", "task", "n_shots", "metric"]  # what one n and one kind of rounding belong to
LARGEST = 1e15  # counts beyond this are no counts


def add_counts(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Return frame with integer n_correct and n_trials, and without the rows that were not measured."""
    has = set(frame.columns)
    if not ({"n_correct", "n_trials"} <= has or ("accuracy" in has and has & {"n_trials", "stderr"})):
        raise InputError(
            "expected counts (n_trials with n_correct or accuracy, or accuracy with stderr), got only "
            f"{', '.join(sorted(has & {'n_correct', 'n_trials', 'accuracy', 'stderr'})) or 'none of them'}"
            ": name the columns with --map FIELD=COLUMN"
        )
    _check_accuracies(frame)
    if "n_trials" not in has:
        frame = _trials_from_stderr(frame, log)
    frame = _drop(frame, frame["n_trials"].fillna(0) > 0, "rows without trials (n = 0 or unknown): not measured", log)
    if "n_correct" not in has:
        frame = _correct_from_accuracy(frame, log)
    frame = _drop(frame, frame["n_correct"].notna(), "rows without a number of correct answers: not measured", log)
    frame = frame.assign(**{c: _whole(frame, c) for c in ("n_correct", "n_trials")})
    if len(bad := frame[frame["n_correct"] > frame["n_trials"]]):
        row = bad.iloc[0]
        raise InputError(
            f"expected n_correct ≤ n_trials, got {row['n_correct']} of {row['n_trials']} for task "
            f"{row['task']!r} of model {row['model']!r}: correct the table or map other columns"
        )
    return frame


def _drop(frame: pd.DataFrame, keep: pd.Series, what: str, log: Log) -> pd.DataFrame:
    if not keep.all():
        log.add(f"dropped: {what}", int((~keep).sum()))
    return frame[keep]


def _check_accuracies(frame: pd.DataFrame) -> None:
    if "accuracy" in frame:
        bad = frame[(frame["accuracy"] < 0) | (frame["accuracy"] > 1)]
        if len(bad):
            row = bad.iloc[0]
            raise InputError(
                f"expected accuracies between 0 and 1, got {row['accuracy']:g} for task {row['task']!r} "
                f"of model {row['model']!r}: divide percentages by 100 or map another column"
            )


def _curves(frame: pd.DataFrame) -> list[str]:
    return [c for c in CURVE if c in frame]


def _trials_from_stderr(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Add one n per curve, the median over its checkpoints, since a table may round accuracies and errors.

    Where an accuracy of 0 or 1 says nothing of n, the other rows of its curve do, or those of the same task.
    """
    n = pd.Series(counts.trials(frame["accuracy"], frame["stderr"]), index=frame.index)
    by_curve = n.groupby([frame[c] for c in _curves(frame)], dropna=False).transform("median")
    by_task = n.groupby([frame[c] for c in _curves(frame) if c != "model"], dropna=False).transform("median")
    trials = by_curve.fillna(by_task).round()
    uneven = (n - trials).abs() > np.maximum(1, 0.02 * trials)
    bad = uneven.groupby([frame[c] for c in _curves(frame)], dropna=False).transform("any")
    for task, rows in frame[bad].groupby("task"):
        log.add(f"dropped: task {task!r}, whose standard errors are not those of one number of items", len(rows))
    log.add("computed: n_trials from accuracy and standard error", int((trials.notna() & ~bad).sum()))
    return frame.assign(n_trials=trials)[~bad]


def _correct_from_accuracy(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Round accuracy × n; a curve where that is no whole number holds a macro average, or another n."""
    exact = frame["accuracy"] * frame["n_trials"]
    rounding = 0.5 * 10.0 ** -_decimals(frame["accuracy"])
    off = (exact - exact.round()).abs() > np.maximum(0.01, rounding * frame["n_trials"]) * 1.001
    bad = off.groupby([frame[c] for c in _curves(frame)], dropna=False).transform("any")
    if len(bad) and bad.all():
        row, value = frame[off].iloc[0], exact[off].iloc[0]
        raise InputError(
            f"expected accuracy × n to be a whole number of correct answers, got {row['accuracy']:g} × "
            f"{row['n_trials']:g} = {value:.3f} for task {row['task']!r} of model {row['model']!r}, and "
            "no task fits: give the right n, or n_correct"
        )
    for task, rows in frame[bad].groupby("task"):
        log.add(
            f"dropped: task {task!r}, where accuracy × n is not a whole number (a macro average, or another n)",
            len(rows),
        )
    log.add("computed: n_correct as accuracy × n, rounded", int((~bad).sum()))
    return frame.assign(n_correct=exact.round())[~bad]


def _decimals(values: pd.Series) -> int:
    """Return with how many decimals the values are written."""
    known = values.dropna().to_numpy()
    return next((d for d in range(1, 9) if np.allclose(known, known.round(d), rtol=0, atol=1e-12)), 9)


def _whole(frame: pd.DataFrame, column: str) -> pd.Series:
    values = frame[column]
    bad = frame[(values != values.round()) | (values < 0) | (values > LARGEST)]
    if len(bad):
        row = bad.iloc[0]
        raise InputError(
            f"expected {column} to be a whole number of items, got {row[column]:g} for task "
            f"{row['task']!r} of model {row['model']!r}: correct the table or map another column"
        )
    return values.astype(int)
