"""Figures: each function takes a fit and an axis and returns the axis; `*_figure` functions return a whole figure."""

from emergelaw.plots.curves import plot_curves as plot_curves
from emergelaw.plots.diagnostics import diagnostics_figure as diagnostics_figure
from emergelaw.plots.emergence import emergence_figure as emergence_figure
from emergelaw.plots.emergence import plot_emergence as plot_emergence
from emergelaw.plots.family import plot_family as plot_family
from emergelaw.plots.grid import plot_grid as plot_grid
from emergelaw.plots.grid import task_figure as task_figure
from emergelaw.plots.prior_posterior import plot_prior_posterior as plot_prior_posterior
from emergelaw.plots.prior_posterior import prior_posterior_figure as prior_posterior_figure
from emergelaw.plots.prior_predictive import plot_prior as plot_prior
from emergelaw.plots.style import save as save
from emergelaw.plots.style import style as style
