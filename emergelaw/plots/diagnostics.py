"""Do the chains agree? r-hat and effective sample sizes of all parameters, ranks and traces of the worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from emergelaw.plots.style import ALERT, FAMILY_COLORS, QUIET, axes, figure, mark_figure, style

if TYPE_CHECKING:
    import xarray as xr

    from emergelaw.fits import Fit

RHAT_LIMIT, ESS_LIMIT = 1.01, 400


@dataclass(frozen=True)
class Parameter:
    """One scalar of the posterior: its name with coordinates, its draws (chain, draw), and how well it was sampled."""

    name: str
    draws: np.ndarray
    rhat: float
    ess: float


def parameters(posterior: xr.Dataset) -> list[Parameter]:
    """Return every varying scalar, worst r-hat first."""
    from arviz_stats import ess, rhat  # pyright: ignore[reportPrivateImportUsage]

    found = []
    with np.errstate(divide="ignore", invalid="ignore"):  # constants
        r, e = rhat(posterior), ess(posterior, method="bulk")
    for name in map(str, posterior.data_vars):
        draws = posterior[name].transpose("chain", "draw", ...)
        for at in np.ndindex(draws.shape[2:]):
            one = float(r[name].values[at]), float(e[name].values[at])
            if np.isfinite(one).all():  # a constant has no r-hat
                found.append(Parameter(_label(draws, at), draws.values[:, :, *at], *one))
    return sorted(found, key=lambda p: (-p.rhat, p.name))


def _label(draws: xr.DataArray, at: tuple[int, ...]) -> str:
    where = [str(draws[d].values[i]) if d in draws.coords else str(i) for d, i in zip(draws.dims[2:], at, strict=True)]
    return f"{draws.name}[{', '.join(where)}]" if where else str(draws.name)


@style()
def plot_rhat(worst_first: list[Parameter], ax: Axes | None = None) -> Axes:
    """Draw the distribution of r-hat over parameters."""
    ax = _histogram([p.rhat for p in worst_first], RHAT_LIMIT, ax)
    ax.set_title(f"r-hat: {sum(p.rhat > RHAT_LIMIT for p in worst_first)} of {len(worst_first)} above {RHAT_LIMIT}")
    ax.set_xlabel("r-hat")
    return ax


@style()
def plot_ess(worst_first: list[Parameter], ax: Axes | None = None) -> Axes:
    """Draw the distribution of bulk effective sample sizes over parameters."""
    ax = _histogram([p.ess for p in worst_first], ESS_LIMIT, ax)
    ax.set_title(f"bulk ESS: {sum(p.ess < ESS_LIMIT for p in worst_first)} of {len(worst_first)} below {ESS_LIMIT}")
    ax.set_xlabel("effective draws")
    return ax


def _histogram(values: list[float], limit: float, ax: Axes | None) -> Axes:
    ax = axes(ax)
    ax.hist(values, bins=40, color=FAMILY_COLORS[0], alpha=0.8)
    ax.axvline(limit, color=ALERT, linewidth=0.8, linestyle="--")
    ax.set_ylabel("parameters")
    return ax


@style()
def plot_trace(parameter: Parameter, ax: Axes | None = None) -> Axes:
    """Draw the draws of each chain in order."""
    ax = axes(ax)
    for i, chain in enumerate(parameter.draws):
        ax.plot(chain, color=FAMILY_COLORS[i % len(FAMILY_COLORS)], linewidth=0.5, alpha=0.8)
    ax.set_title(_short(parameter.name))
    ax.set_xlabel("draw")
    return ax


@style()
def plot_ranks(parameter: Parameter, ax: Axes | None = None, bins: int = 20) -> Axes:
    """Draw how the ranks of each chain spread over all chains: level lines mean that the chains agree."""
    ax = axes(ax)
    ranks = rankdata(parameter.draws).reshape(parameter.draws.shape)
    for i, chain in enumerate(ranks):
        share = np.histogram(chain, bins, (0.5, ranks.size + 0.5))[0] / (chain.size / bins)
        ax.stairs(share, color=FAMILY_COLORS[i % len(FAMILY_COLORS)], linewidth=1)
    ax.axhline(1, color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_ylim(0)
    ax.set_title(f"r-hat {parameter.rhat:.3f}, ESS {parameter.ess:,.0f}")
    ax.set_xticks([])
    ax.set_xlabel("rank among all draws")
    return ax


def _short(name: str) -> str:
    return name if len(name) <= 42 else f"{name[:20]} … {name[-20:]}"


@style()
def diagnostics_figure(fit: Fit, worst: int = 3) -> Figure:
    """Draw r-hat and ESS of all parameters, then trace and ranks of the worst."""
    found = parameters(fit.posterior["posterior"].to_dataset())
    shown = found[:worst]
    fig = figure(7.6, 2.1 + 1.7 * len(shown))
    panels = fig.subplots(1 + len(shown), 2, squeeze=False)
    plot_rhat(found, panels[0, 0])
    plot_ess(found, panels[0, 1])
    for parameter, (left, right) in zip(shown, panels[1:], strict=True):
        plot_trace(parameter, left)
        plot_ranks(parameter, right)
    mark_figure(fig, fit)
    return fig
