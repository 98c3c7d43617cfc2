"""Tasks for which the posterior holds more than one explanation, with their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.vq import kmeans2

if TYPE_CHECKING:
    from emergelaw.fits import Fit

APART = 3.0  # Ashman's D: distance of the two centres in units of their common spread
SHARE = 0.05  # of the posterior that the smaller explanation must hold
STARTS = 10  # of k-means, which cuts across the valley from some of them


def split(features: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Return which of two explanations each draw (draw, feature) belongs to, or None if there is only one."""
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-12)
    # Together and one by one: features that move together would draw the cut across themselves.
    views = [scaled, *scaled.T[..., None]]
    found = (_halves(view, seed + i) for view in views for i in range(STARTS))
    apart, label = max(found, key=lambda one: one[0])
    return label if apart > APART else None


def _halves(scaled: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Cut draws in two by k-means; return how far apart the halves are, 0 unless a valley separates them."""
    centres, label = kmeans2(scaled, 2, minit="++", seed=seed, missing="warn")
    if not SHARE <= np.mean(label) <= 1 - SHARE:
        return 0.0, label
    along = scaled @ (centres[1] - centres[0])
    one, two = along[label == 0], along[label == 1]
    apart = np.abs(one.mean() - two.mean()) * np.sqrt(2 / (one.var() + two.var() + 1e-12))
    return float(apart) if _valley(along, one.mean(), two.mean()) else 0.0, label


def _valley(along: np.ndarray, low: float, high: float) -> bool:
    """Whether draws are rarer halfway between two centres than at the rarer of the centres."""
    width = abs(high - low) / 6
    counts = [np.sum(np.abs(along - at) < width) for at in (low, (low + high) / 2, high)]
    return bool(counts[1] < 0.5 * min(counts[0], counts[2]))


def explain(fit: Fit, chains: int) -> list[dict[str, Any]]:
    """Return the explanations between which the posterior is divided, or the one that it holds."""
    rows = [row for item in range(len(fit.design.tasks)) for row in _of_task(fit, item)]
    rows = rows or [{"task": "", "weight": 1.0, "sentence": "One explanation fits every task."}]
    return [row | {"chains": list(range(chains))} for row in rows]


def _of_task(fit: Fit, item: int) -> list[dict[str, Any]]:
    """Return the two explanations of the rise of one task with their weights; none where one suffices.

    Draws without a rise in any model are no explanation of one: P(flat) and P(not yet) weigh them.
    """
    task, here = fit.design.tasks[item], np.flatnonzero(fit.design.task == item)
    risen = fit.risen[:, here].any(1)
    if np.mean(risen) < 2 * SHARE:
        return []
    median = {
        p: np.median(fit.draws[p].values[np.ix_(risen, here)], axis=1) for p in ("floor", "ceiling", "onset", "width")
    }
    label = split(np.stack([median["floor"], median["ceiling"], median["onset"], np.log(median["width"])], axis=1))
    if label is None:
        return []
    rows = []
    for one in (0, 1):
        at = {p: float(np.median(v[label == one])) for p, v in median.items()}
        sentence = (
            f"{task} rises from {at['floor']:.2f} to {at['ceiling']:.2f}, half of it by "
            f"{fit.axis.text(at['onset'])} (10–90 % width {at['width']:.2g})"
        )
        rows.append({"task": task, "weight": float(np.mean(risen) * np.mean(label == one)), "sentence": sentence})
    if not risen.all():
        unrisen = f"{task} does not rise within the measurements"
        rows.append({"task": task, "weight": float(np.mean(~risen)), "sentence": unrisen})
    return rows
