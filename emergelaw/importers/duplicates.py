"""One measurement per cell: the latest, and never an arbitrary one."""

import pandas as pd

from emergelaw.errors import InputError
from emergelaw.importers.common import Log

CELL = ["model", "task", "n_shots", "step", "tokens"]
COUNTS = ["n_correct", "n_trials"]


def latest(rows: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Keep the last of each cell by `date` (text, '' unknown); refuse two of one date that differ."""
    rows = rows.sort_values("date", kind="stable")
    repeated = rows[rows.duplicated(CELL, keep=False)]
    if not len(repeated):
        return rows
    last = repeated["date"] == repeated.groupby(CELL, dropna=False)["date"].transform("last")
    _refuse_undecided(repeated[last])
    differ = (repeated.groupby(CELL, dropna=False)[COUNTS].nunique() > 1).any(axis=1)
    for text, times in (("the same counts", int((~differ).sum())), ("other counts", int(differ.sum()))):
        if times:
            log.add(f"merged cells measured again with {text}: kept the latest", times)
    return rows[~rows.duplicated(CELL, keep="last")]


def _refuse_undecided(last: pd.DataFrame) -> None:
    """Raise if two measurements of one cell and date differ: nothing says which is right."""
    different = last.drop_duplicates(CELL + COUNTS)
    again = different[different.duplicated(CELL, keep=False)]
    if len(again):
        _, same = next(iter(again.groupby(CELL, dropna=False)))
        one, two = same.iloc[0], same.iloc[1]
        raise InputError(
            f"expected one result for task {one['task']!r} of model {one['model']!r} at step "
            f"{one['step']:g}, got two of one date that differ: remove {one['where']} or {two['where']}"
        )
