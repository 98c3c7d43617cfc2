"""Rank-normalised split r-hat and bulk effective sample size of many quantities at once."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

CHUNK = 512  # quantities at a time: bounds memory


def rhat_and_ess(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return r-hat (the larger of bulk and folded) and bulk ESS of (chain, draw, quantity); constants give 1 and n."""
    parts = [_chunk(draws[..., i : i + CHUNK]) for i in range(0, draws.shape[-1], CHUNK)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _chunk(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    split = _split(draws)
    bulk = _rank_normal(split)
    folded = _rank_normal(np.abs(split - np.median(split, axis=(0, 1))))
    constant = np.ptp(split, axis=(0, 1)) == 0
    size = split.shape[0] * split.shape[1]
    rhat = np.where(constant, 1.0, np.fmax(_rhat(bulk), _rhat(folded)))
    return rhat, np.where(constant, size, _ess(bulk))


def _split(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _rank_normal(x: np.ndarray) -> np.ndarray:
    ranks = rankdata(x.reshape(-1, x.shape[-1]), axis=0).reshape(x.shape)
    return ndtri((ranks - 0.375) / (x.shape[0] * x.shape[1] + 0.25))


def _rhat(x: np.ndarray) -> np.ndarray:
    n = x.shape[1]
    within, between = x.var(1, ddof=1).mean(0), n * x.mean(1).var(0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((between / within + n - 1) / n)


def _autocovariance(x: np.ndarray) -> np.ndarray:
    n = x.shape[1]
    length = next_fast_len(2 * n)
    spectrum = rfft(x - x.mean(1, keepdims=True), n=length, axis=1)
    return irfft(np.abs(spectrum) ** 2, n=length, axis=1)[:, :n] / n


def _ess(x: np.ndarray) -> np.ndarray:
    """Geyer's initial monotone sequence on the chains together."""
    chains, n, _ = x.shape
    cov = _autocovariance(x).mean(0)  # (lag, quantity)
    within = cov[0] * n / (n - 1)
    total = cov[0] + x.mean(1).var(0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (within - cov) / total
    rho[0] = 1.0
    pairs = rho[: n - n % 2].reshape(n // 2, 2, -1).sum(1)
    alive = np.logical_and.accumulate(pairs > 0, axis=0)
    monotone = np.minimum.accumulate(np.where(alive, pairs, 0), axis=0)
    tau = np.maximum(2 * monotone.sum(0) - 1, 1 / np.log10(chains * n))
    return chains * n / tau
