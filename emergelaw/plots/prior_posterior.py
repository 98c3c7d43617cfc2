"""What was believed of each hyper-parameter, and what the data left of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from emergelaw.plots.style import QUIET, axes, figure, mark_figure, style

if TYPE_CHECKING:
    from emergelaw.fits import Fit

# NumPyro's names and argument order on the left, SciPy's distributions on the right.
_DENSITIES = {
    "Normal": lambda loc, scale: stats.norm(loc, scale),
    "HalfNormal": lambda scale: stats.halfnorm(0, scale),
    "LogNormal": lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
    "Exponential": lambda rate: stats.expon(scale=1 / rate),
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "InverseGamma": lambda shape, rate: stats.invgamma(shape, scale=rate),
    "Beta": lambda a, b: stats.beta(a, b),
    "Uniform": lambda low, high: stats.uniform(low, high - low),
    "StudentT": lambda df, loc, scale: stats.t(df, loc, scale),
    "HalfCauchy": lambda scale: stats.halfcauchy(0, scale),
}
_COLOR = "#0072B2"


@style()
def plot_prior_posterior(prior: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Draw one entry of fit.priors: the prior's density in grey, the posterior's median and 90 % interval above it.

    A prior that depends on other parameters has no density of its own: its text and the posterior are shown.
    """
    ax = axes(ax, (2.6, 1.4))
    low, middle, high = (float(prior["posterior"][k]) for k in ("low", "median", "high"))
    density = parse_prior(prior["prior"])
    if density is not None:
        ends = density.ppf((0.005, 0.995))
        x = np.linspace(min(ends[0], low), max(ends[1], high), 200)  # the prior is seen where the posterior went
        height = density.pdf(x)
        share = np.minimum(height / height[np.isfinite(height)].max(), 1)
        ax.fill_between(x, share, color=QUIET, alpha=0.25, linewidth=0)
    ax.plot([low, high], [0.5, 0.5], color=_COLOR, linewidth=2.5, solid_capstyle="butt")
    ax.plot(middle, 0.5, "o", color="white", markeredgecolor=_COLOR, markersize=5)
    ax.margins(x=0.1 if density is not None else 0.6)
    ax.set_ylim(0, 1.08)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=5)
    ax.set_title(f"{prior['name']} ~ {prior['prior']}", fontsize=7.5)
    return ax


def parse_prior(text: str) -> Any | None:
    """Return the distribution a prior's text names, such as Normal(0, 0.1); None unless all arguments are numbers."""
    match = re.fullmatch(r"\s*(\w+)\(([^()]*)\)\s*", text)
    if match is None or match[1] not in _DENSITIES:
        return None
    try:
        return _DENSITIES[match[1]](*(float(argument.split("=")[-1]) for argument in match[2].split(",")))
    except (TypeError, ValueError):
        return None


@style()
def prior_posterior_figure(fit: Fit, columns: int = 3) -> Figure:
    """Draw every hyper-parameter of a fit."""
    learned = [prior for prior in fit.priors if prior["posterior"]]
    columns = min(columns, len(learned))
    rows = ceil(len(learned) / columns)
    fig = figure(2.8 * columns, 1.15 * rows + 0.3)
    panels = fig.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(panels.flat):
        plot_prior_posterior(learned[i], ax) if i < len(learned) else ax.axis("off")
    mark_figure(fig, fit)
    return fig
