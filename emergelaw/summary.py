"""What a fit says of each task, in numbers and in words: shared by the terminal, the figures and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emergelaw import dataset
from emergelaw.axes import axis_of

if TYPE_CHECKING:
    from emergelaw.fits import Fit

INTERVAL = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Curves:
    """The curves of a fit in the order of fit.draws: counts k of n at x, (curve, checkpoint), and P(emerged)."""

    x: np.ndarray
    k: np.ndarray
    n: np.ndarray  # 0 where nothing was measured, or untrained: that has no place on a log axis
    first: np.ndarray  # first and last measured x, (curve,)
    last: np.ndarray
    p_emerged: np.ndarray  # P(emerged within the measured range), (curve,)

    def points(self, curve: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x, k and n of the measured cells of one curve."""
        shown = self.n[curve] > 0
        return self.x[curve, shown], self.k[curve, shown], self.n[curve, shown]


def measured(fit: Fit) -> Curves:
    """Return what was measured on each curve, and whether it emerged."""
    ds = fit.data
    at_model = pd.Index(ds["model"].values).get_indexer(fit.draws["model"].values)
    at_task = pd.Index(ds["task"].values).get_indexer(fit.draws["task"].values)
    x = axis_of(ds, fit.axis.name)[1][at_model]
    k, n = (ds[v].transpose("model", "task", "checkpoint").values[at_model, at_task] for v in ("n_correct", "n_trials"))
    n = np.where(np.isfinite(x), n, 0)
    first, last = np.where(n > 0, x, np.inf).min(1), np.where(n > 0, x, -np.inf).max(1)
    return Curves(x, k, n, first, last, _p_emerged(fit))


@dataclass(frozen=True)
class TaskRow:
    """One task over all its curves; emergence is (5 %, 50 %, 95 %) in x units, -inf and +inf where censored."""

    task: str
    n_curves: int
    emergence: tuple[float, float, float]
    span: tuple[float, float]  # first and last measured x of any curve
    ceiling: tuple[float, float]  # smallest and largest posterior median over models
    p_emerged: tuple[float, float]  # the same for the probability
    dispersion: float
    coverage: float  # share of the task's cells inside their 90 % predictive interval


def task_rows(fit: Fit) -> list[TaskRow]:
    """Summarise every task, earliest emergence first; tasks that did not emerge come last, likeliest first."""
    tasks = fit.draws["task"].values
    curves = measured(fit)
    inside = predictive_hits(fit, curves)
    middle = fit.draws[["ceiling", "dispersion"]].median("sample")
    rows = []
    for task in dict.fromkeys(tasks):
        here = np.flatnonzero(tasks == task)
        ceiling, shares = middle["ceiling"].values[here], curves.p_emerged[here]
        rows.append(
            TaskRow(
                task=str(task),
                n_curves=len(here),
                emergence=tuple(emergence(fit, curves, here, INTERVAL)),
                span=(curves.first[here].min(), curves.last[here].max()),
                ceiling=(ceiling.min(), ceiling.max()),
                p_emerged=(shares.min(), shares.max()),
                dispersion=float(np.median(middle["dispersion"].values[here])),
                coverage=inside[here].sum() / (curves.n[here] > 0).sum(),
            )
        )
    return sorted(rows, key=lambda row: (row.emergence[1], -row.p_emerged[1], row.task))


@dataclass(frozen=True)
class CurveRow:
    """One curve; emergence as in TaskRow, ceiling as 5 %, 50 %, 95 %, and the probabilities of its three states."""

    model: str
    emergence: tuple[float, float, float]
    span: tuple[float, float]
    ceiling: tuple[float, float, float]
    p_flat: float
    p_not_yet: float
    p_emerged: float


def curve_rows(fit: Fit, curves: Curves, task: str) -> list[CurveRow]:
    """Summarise each curve of a task."""
    states = fit.states[fit.states["task"] == task].set_index("model")
    ceiling = fit.draws["ceiling"].transpose("sample", "curve").values
    rows = []
    for i in np.flatnonzero(fit.draws["task"].values == task):
        model = str(fit.draws["model"].values[i])
        state = states.loc[model, ["p_flat", "p_not_yet", "p_emerged"]].astype(float)
        rows.append(
            CurveRow(
                model,
                tuple(emergence(fit, curves, np.array([i]), INTERVAL)),
                (curves.first[i], curves.last[i]),
                tuple(np.quantile(ceiling[:, i], INTERVAL)),
                *state,
            )
        )
    return rows


def emergence(fit: Fit, curves: Curves, chosen: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return quantiles of the emergence point (half rise, x units) over draws of the chosen curves, all weighing alike.

    A curve has emerged within its measured range with probability p_emerged, and then at one of the onsets drawn there;
    the rest of the probability lies after its last checkpoint (+inf). Before the first checkpoint is -inf.
    """
    onset = fit.draws["onset"].transpose("sample", "curve").values[:, chosen]
    inside = onset <= curves.last[chosen]
    weight = (inside / np.maximum(inside.sum(0), 1) * curves.p_emerged[chosen] / len(chosen)).ravel()
    onset = np.where(onset < curves.first[chosen], -np.inf, onset).ravel()
    order = np.argsort(onset, kind="stable")
    at = np.searchsorted(np.cumsum(weight[order]), np.asarray(levels) - 1e-9)
    return np.append(onset[order], np.inf)[at]


def _p_emerged(fit: Fit) -> np.ndarray:
    table = fit.states.set_index(["model", "task"])["p_emerged"]
    wanted = pd.MultiIndex.from_arrays([fit.draws["model"].values, fit.draws["task"].values])
    return table.reindex(wanted).to_numpy(float)


def predictive_hits(fit: Fit, curves: Curves) -> np.ndarray:
    """Return how many measured cells of each curve lie inside their 90 % predictive interval."""
    interval = fit.predictive(level=0.9).transpose("curve", "checkpoint")
    share = curves.k / np.maximum(curves.n, 1)
    return ((share >= interval["low"].values) & (share <= interval["high"].values) & (curves.n > 0)).sum(1)


def when(fit: Fit, x: float, span: tuple[float, float]) -> str:
    """Say an emergence point; a censored one as beyond the first or the last checkpoint."""
    return fit.axis.point(x, *span)


def interval(fit: Fit, row: TaskRow | CurveRow) -> str:
    """Say the 90 % interval of an emergence point; one word where both ends are censored alike."""
    low, high = (when(fit, x, row.span) for x in row.emergence[::2])
    return low if low == high else f"{low} – {high}"


def spread(low: float, high: float) -> str:
    """Say a range of shares, as one number where the ends round alike."""
    texts = [f"{v:.2f}" for v in (low, high)]
    return texts[0] if texts[0] == texts[1] else "–".join(texts)


def origin(fit: Fit) -> str:
    """Say what kind of data these are, in the words that stand on every figure and page."""
    kind = dataset.provenance(fit.data)["kind"]
    return "SIMULATED DATA" if kind == "simulated" else f"{kind} data"
