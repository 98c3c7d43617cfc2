"""The linear change of coordinates in which the sampler moves: one dense block per task, one for what is shared.

A block is the matrix X with X·cov(gradients)·X = cov(draws): it makes draws and gradients equally wide in every
direction, which is the best linear preconditioner in Fisher divergence and needs far fewer draws than a covariance.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array | np.ndarray


class Factor(NamedTuple):
    """Lower triangular factors (…, width, width) with their inverses.

    A batched triangular solve would do without, but in jaxlib it waits on the threads that run it: chains that advance
    side by side then wait for each other for ever.
    """

    lower: Array
    inverse: Array

    @classmethod
    def of(cls, lower: np.ndarray) -> "Factor":
        return cls(lower, np.tril(np.linalg.inv(lower)))


@dataclass(frozen=True)
class Blocks:
    """Padded blocks of flat indices, and where every flat index stands among them."""

    rows: np.ndarray  # (block, width), -1 pads

    @property
    def place(self) -> np.ndarray:
        out = np.empty(int(self.rows.max()) + 1, int)
        out[self.rows[self.rows >= 0]] = np.flatnonzero(self.rows.ravel() >= 0)
        return out

    def split(self, flat: jax.Array) -> jax.Array:
        """Return the blocks of a flat vector, zero where padded."""
        return jnp.where(self.rows >= 0, flat[jnp.asarray(np.maximum(self.rows, 0))], 0.0)

    def join(self, blocks: jax.Array) -> jax.Array:
        """Return the flat vector of blocks: the inverse of split."""
        return blocks.ravel()[jnp.asarray(self.place)]

    def unwhiten(self, y: jax.Array, factor: Factor) -> jax.Array:
        """Return z = L y block by block; factors are (block, width, width)."""
        return self.join(jnp.einsum("bij,bj->bi", factor.lower, self.split(y)))

    def whiten(self, z: jax.Array, factor: Factor) -> jax.Array:
        """Return y with L y = z."""
        return self.join(jnp.einsum("bij,bj->bi", factor.inverse, self.split(z)))

    def diagonal(self, scale: np.ndarray) -> Factor:
        """Return the factor that only scales each element."""
        return Factor.of(self._scales(scale))

    def _scales(self, scale: np.ndarray) -> np.ndarray:
        padded = np.where(self.rows >= 0, scale[np.maximum(self.rows, 0)], 1.0)
        return np.einsum("bi,ij->bij", padded, np.eye(self.rows.shape[1]))

    def adapted(self, draws: np.ndarray, gradients: np.ndarray) -> Factor:
        """Return the factor learned from (chain, draw, dim) positions and their gradients, chains pooled within."""
        size = draws.shape[0] * draws.shape[1]
        inner = [(a - a.mean(1, keepdims=True)).reshape(size, -1) for a in (draws, gradients)]
        out = self._scales(np.sqrt(np.sqrt((inner[0].var(0) + 1e-20) / (inner[1].var(0) + 1e-20))))
        for b, row in enumerate(self.rows):
            members = row[row >= 0]
            m = len(members)
            out[b, :m, :m] = _lower(inner[0][:, members], inner[1][:, members])
        return Factor.of(out)


def _lower(draws: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return L with L Lᵀ = X, where X·cov(gradients)·X = cov(draws), both shrunk towards their diagonals."""
    size, m = draws.shape
    scale = np.sqrt(np.sqrt((draws.var(0) + 1e-20) / (gradients.var(0) + 1e-20)))
    keep = size / (size + 5.0 * m)
    a, b = (_shrunk(np.cov(v.T).reshape(m, m), keep) for v in (draws / scale, gradients * scale))
    w, v = np.linalg.eigh(b)
    root, inverse_root = (v * np.sqrt(w)) @ v.T, (v / np.sqrt(w)) @ v.T
    w, v = np.linalg.eigh(root @ a @ root)
    x = inverse_root @ (v * np.sqrt(np.maximum(w, 1e-12))) @ v.T @ inverse_root
    return scale[:, None] * np.linalg.cholesky((x + x.T) / 2)


def _shrunk(cov: np.ndarray, keep: float) -> np.ndarray:
    return keep * cov + (1 - keep) * np.diag(np.diag(cov)) + 1e-12 * np.eye(len(cov))
