"""Rank statistics of emergence points for many posterior draws at once; +inf is never, and nevers tie at the bottom.

Everything follows from s_ij = sign(t_i − t_j): row sums are twice the centred average ranks, so Spearman's ρ is their
cosine; Kendall's tau-b is the cosine of the matrices themselves. Shapes: t (sample, task), s (sample, task, task).
"""

import numpy as np

MIN_COMMON = 3  # fewer tasks have no order to speak of


def signs(t: np.ndarray) -> np.ndarray:
    """Return sign(t_i − t_j), 0 between two nevers; NaN must have been dropped. Single precision: sums stay exact."""
    later = (t[:, :, None] > t[:, None, :]).astype(np.float32)
    return later - later.swapaxes(1, 2)


def agreement(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Compare two orders draw by draw: over all tasks, and (…_both) over those emerged in both.

    share_never is the part of the task pairs ordered alike in which some task never emerges in one of the two.
    """
    one, other, both = signs(a), signs(b), np.isfinite(a) & np.isfinite(b)
    enough = both.sum(1) >= MIN_COMMON
    among = (both[:, :, None] & both[:, None, :]).astype(np.float32)
    spearman, kendall, alike = _compare(one, other)
    spearman_both, kendall_both, alike_both = _compare(one * among, other * among)
    return {
        "spearman": spearman,
        "kendall": kendall,
        "spearman_both": np.where(enough, spearman_both, np.nan),
        "kendall_both": np.where(enough, kendall_both, np.nan),
        "n_both": both.sum(1),
        "share_never": 1 - _ratio(alike_both, alike),
    }


def _compare(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Spearman's ρ, Kendall's tau-b (NaN where an order has no two ranks), how many pairs are ordered alike."""
    ranks = [s.sum(2).astype(float) for s in (one, other)]
    flat = [s.reshape(len(s), -1) for s in (one, other)]
    product = flat[0] * flat[1]
    alike = (product.sum(1) + np.abs(product).sum(1)) / 2
    return _cosine(*ranks), _cosine(*flat), alike


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    inner, aa, bb = (np.einsum("ij,ij->i", u, v).astype(float) for u, v in ((a, b), (a, a), (b, b)))
    return _ratio(inner, np.sqrt(aa * bb))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def lateness(t: np.ndarray) -> np.ndarray:
    """Return, per draw and task, −1 (before all others) … 1 (after all others), the mean over models; NaN: unmeasured.

    t is (sample, model, task). Within a model a task counts against the tasks measured there (Borda's count).
    """
    scores = np.full(t.shape, np.nan)
    for m in range(t.shape[1]):
        here = ~np.isnan(t[0, m])
        if here.sum() > 1:
            scores[:, m, here] = signs(t[:, m, here]).sum(2) / (here.sum() - 1)
    measured = ~np.isnan(scores)
    return _ratio(np.where(measured, scores, 0).sum(1), measured.sum(1))


def consensus(late: np.ndarray, sure: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return the tasks from earliest to latest by mean lateness, and their ranks 1, 2, 2, 4 …

    A task shares the rank of the first task of the group before it unless it is later than that one with P > sure
    (equal draws count half).
    """
    sequence = np.argsort(late.mean(0), kind="stable")
    ranks = np.ones(len(sequence), int)
    head = 0
    for place in range(1, len(sequence)):
        here, first = late[:, sequence[place]], late[:, sequence[head]]
        if np.mean(here > first) + 0.5 * np.mean(here == first) > sure:
            head = place
        ranks[place] = head + 1
    return sequence, ranks


def after(t: np.ndarray, parts: np.ndarray) -> tuple[float, float, float]:
    """Return P(t after all parts), P(before some part), P(undecided); t is (sample,), parts (sample, part).

    Undecided is never emerged, and emerged together with the last part by the first checkpoint.
    """
    last = parts.max(1)
    never = np.isinf(t)
    later, earlier = np.mean(~never & (t > last)), np.mean(~never & (t < last))
    return float(later), float(earlier), float(1 - later - earlier)
