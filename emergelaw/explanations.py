"""Tasks for which the posterior holds more than one explanation, with their weights."""

import numpy as np
from scipy.cluster.vq import kmeans2

APART = 3.0  # Ashman's D: distance of the two centres in units of their common spread
SHARE = 0.05  # of the posterior that the smaller explanation must hold


def split(features: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Return which of two explanations each draw (draw, feature) belongs to, or None if there is only one."""
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-12)
    centres, label = kmeans2(scaled, 2, minit="++", seed=seed, missing="raise")
    share = np.mean(label)
    if not SHARE <= share <= 1 - SHARE:
        return None
    along = scaled @ (centres[1] - centres[0])
    one, two = along[label == 0], along[label == 1]
    apart = np.abs(one.mean() - two.mean()) * np.sqrt(2 / (one.var() + two.var() + 1e-12))
    return label if apart > APART and _valley(along, one.mean(), two.mean()) else None


def _valley(along: np.ndarray, low: float, high: float) -> bool:
    """Whether draws are rarer halfway between two centres than at the rarer of the centres."""
    width = abs(high - low) / 6
    counts = [np.sum(np.abs(along - at) < width) for at in (low, (low + high) / 2, high)]
    return counts[1] < 0.5 * min(counts[0], counts[2])
