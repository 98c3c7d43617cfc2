"""Chains that lost their way learn from the others, task by task, while they warm up.

From its own start a chain may end in an explanation of a task that is worth nothing, and too deep for a jump. What an
explanation is worth is estimated by its evidence: density and volume, so that a narrow peak does not win by its height.
"""

import numpy as np

from emergelaw.nuts import Kernel
from emergelaw.target import Inputs

MARGIN = 20.0  # nats of evidence; explanations closer than that are left to the sampler to weigh


def adopted(kernel: Kernel, z: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Return the last of the draws z (chain, draw, dim) of every chain, with the hopeless explanations replaced."""
    ends, chains = z[:, -1], range(len(z))
    owner = owners(kernel.blocks.rows[:-1], z.shape[-1])
    joint = np.array(
        [[kernel.by_task(np.where(owner < 0, own, other), inputs).joint for other in ends] for own in ends]
    )
    evidence = np.nan_to_num(joint, nan=-np.inf) + volumes(kernel.blocks.rows[:-1], z)
    source = evidence.argmax(1)  # (chain, task)
    gain = evidence.max(1) - evidence[chains, chains]
    source = np.where(gain > MARGIN, source, np.arange(len(z))[:, None])
    return np.stack([np.where(owner < 0, ends[i], ends[source[i][owner], np.arange(z.shape[-1])]) for i in chains])


def owners(rows: np.ndarray, dim: int) -> np.ndarray:
    """Return the task of every element, -1 where it is shared."""
    out = np.full(dim, -1)
    for task, row in enumerate(rows):
        out[row[row >= 0]] = task
    return out


def volumes(rows: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the log volume (chain, task) over which the draws of each chain spread."""
    spread = np.log(z.std(1) + 1e-12)
    return np.where(rows >= 0, spread[:, np.maximum(rows, 0)], 0.0).sum(-1)
